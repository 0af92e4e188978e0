"""A folder that appears whole or not at all. No torch here."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from safetensors import SafetensorError

from avss_core.errors import ResourceError, SettingError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_ROOM_FOR_THE_REST = 2**24  # tokenizer, card and the like, in bytes


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a hidden folder beside `target` to be filled; afterwards it is `target`. On any error nothing stays.

    target: absolute. Raises SettingError when it exists and is not an empty folder, or cannot be made; ResourceError
    when the disk is full.
    """
    require_free(target)
    missing = [parent for parent in target.parents if not parent.exists()]
    work = target.with_name(f".{target.name}.part-{uuid4().hex[:8]}")
    try:
        with explained(target):
            work.mkdir(parents=True)
        yield work
        require_free(target)
        with explained(target):
            if target.exists():
                target.rmdir()
            work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        for parent in missing:
            with suppress(OSError):  # somebody else has put something there
                parent.rmdir()
        raise


def require_free(target: Path) -> None:
    """Raise SettingError when `target` is there already, unless it is an empty folder."""
    with explained(target):
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise SettingError(f"{target} is not a folder; choose another place for the export.")
        if target.is_dir() and any(target.iterdir()):
            raise SettingError(f"The folder {target} is not empty, and is not overwritten; choose a new one.")


def require_room(target: Path, weight_bytes: int) -> None:
    """Raise SettingError when the weights and the small files around them do not fit on the disk of `target`."""
    place = next(parent for parent in target.parents if parent.exists())
    with explained(target):
        free = shutil.disk_usage(place).free
    needed = weight_bytes + _ROOM_FOR_THE_REST
    if free < needed:
        raise SettingError(
            f"The disk that holds {place} has {free / 1e6:,.0f} MB left, and the export needs {needed / 1e6:,.0f} MB; "
            "make room, or choose another folder."
        )


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Put what a disk refuses into one sentence: ResourceError when it is full, else SettingError."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if _is_full(error):
            raise ResourceError(
                f"The disk is full, so {target} could not be written; make room, or choose another folder."
            ) from error
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SettingError(f"{target} cannot be written ({reason}); choose another folder.") from error


def _is_full(error: OSError | SafetensorError) -> bool:
    """The safetensors library hands the system's error on as text."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return any(f"os error {number}" in str(error) for number in _FULL)
