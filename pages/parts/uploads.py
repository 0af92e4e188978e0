"""Files that people upload, kept beside the store."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from avss_core.runs.database import explained
from pages.parts.engine import store


def keep_upload(name: str, content: bytes) -> str:
    """Keep an upload under a name that says its content, and return its path; the same content is kept once.

    name: as the browser gives it, of which only the last part counts. Raises SettingError when it cannot be written,
    ResourceError when the disk is full.
    """
    folder = store().folder / "uploads" / hashlib.sha256(content).hexdigest()[:12]
    path = folder / (Path(name.replace("\\", "/")).name or "upload")
    if path.is_file():
        return str(path)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    with explained(store().folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return str(path)
