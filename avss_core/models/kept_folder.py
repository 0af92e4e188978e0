"""A model that is made once and kept in the cache: whole or not there at all, whoever asks for it at the same time."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from avss_core.errors import ResourceError

PROVENANCE = "provenance.json"

# Given an empty folder to work in, makes a folder inside it and returns that, with what is to be known of it.
Make = Callable[[Path], tuple[Path, dict[str, Any]]]
Tell = Callable[[str], None]


def kept_folder(folder: Path, make: Make, what: str, tell: Tell = lambda line: None) -> Path:
    """`folder`, made by `make` on the first call. Two processes may ask at once; one makes it, the other waits.

    Beside the files stands `provenance.json`: what `make` says of them, and their sizes. what: how an error names the
    model ("The default model"). Raises what `make` raises, ResourceError when the disk is full.
    """
    if is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(exist_ok=True)
        with FileLock(folder.parent / f"{folder.name}.lock"):
            if not is_whole(folder):
                _make(folder, make)
                tell(f"{what} is in {folder}.")
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise ResourceError(
            f"{what} cannot be written to {folder.parent}: {reason}; make room, or set AVSS_CACHE to another folder."
        ) from error
    return folder


def is_whole(folder: Path) -> bool:
    """Whether every file that was written is there in its full size."""
    try:
        sizes = read_provenance(folder)["sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


def read_provenance(folder: Path) -> dict[str, Any]:
    """What is known of a kept model."""
    known: dict[str, Any] = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    return known


def _make(folder: Path, make: Make) -> None:
    """Make it beside `folder`, and move the finished folder into its place in one step."""
    prefix = f"{folder.name}.part-"
    for left_by_a_killed_process in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(left_by_a_killed_process)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as name:
        made, facts = make(Path(name))
        for file in made.iterdir():
            file.chmod(0o644)  # a cache may be shared, and safetensors writes for one user only
        sizes = {file.name: file.stat().st_size for file in sorted(made.iterdir())}
        (made / PROVENANCE).write_text(json.dumps({**facts, "sizes": sizes}, indent=2) + "\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
