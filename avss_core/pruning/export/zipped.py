"""An exported folder as one zip file. No torch here."""

from __future__ import annotations

import zipfile
from pathlib import Path
from uuid import uuid4

from avss_core.errors import ModelError
from avss_core.pruning.export.new_folder import explained

_STORED_AS_IS = (".safetensors", ".bin", ".model")  # numbers hardly shrink, and there are many


def zip_export(folder: str | Path, target: str | Path | None = None) -> Path:
    """Write `folder` into the zip `target` (NAME.zip beside it), as a folder of the same name; returns the zip.

    Read and written piece by piece, so memory does not grow with the model. A zip that is there is replaced once the
    new one is whole. Raises ModelError when `folder` holds no model, ResourceError when the disk is full, SettingError
    when the zip cannot be written.
    """
    folder = Path(folder).expanduser().absolute()
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no exported model (no config.json); export it first.")
    target = folder.with_name(f"{folder.name}.zip") if target is None else Path(target).expanduser().absolute()
    partial = target.with_name(f".{target.name}.part-{uuid4().hex[:8]}")
    try:
        with explained(target), zipfile.ZipFile(partial, "w") as archive:
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                as_is = file.suffix in _STORED_AS_IS
                method = zipfile.ZIP_STORED if as_is else zipfile.ZIP_DEFLATED
                archive.write(file, Path(folder.name) / file.relative_to(folder), compress_type=method)
        with explained(target):
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
