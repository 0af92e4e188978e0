"""How a process finds the scheduler that works for a store: `AVSS_SCHEDULER`, or a file beside the store's arrays."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from avss_core.errors import ResourceError, SettingError
from avss_core.runs import Store

_ANSWER_WITHIN = 2.0  # seconds


@contextmanager
def announced(store: Store, address: str) -> Iterator[None]:
    """Tell other processes of the same store where the scheduler is, for as long as the block lasts."""
    file = contact_file(store)
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps({"address": address, "pid": os.getpid()}))
    partial.replace(file)
    try:
        yield
    finally:
        if _read(file).get("pid") == os.getpid():
            file.unlink(missing_ok=True)


def running_address(store: Store) -> str | None:
    """Where a scheduler of this store answers; None when there is none.

    Raises SettingError when `AVSS_SCHEDULER` is not an address, ResourceError when nothing answers there.
    """
    named = os.environ.get("AVSS_SCHEDULER")
    if named:
        if not _answers(named):
            raise ResourceError(
                f"The scheduler at {named} (AVSS_SCHEDULER) does not answer; start it, or unset the variable."
            )
        return named
    known = _read(contact_file(store))
    return known["address"] if known and _is_alive(known["pid"]) and _answers(known["address"]) else None


def announced_by(store: Store) -> int | None:
    """The process that announced a scheduler for this store; it may be gone by now."""
    return _read(contact_file(store)).get("pid")


def contact_file(store: Store) -> Path:
    """Where the scheduler of a store says how to reach it."""
    return store.folder / "scheduler.json"


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text()))
    except FileNotFoundError:
        return {}


def _is_alive(pid: int) -> bool:
    """Whether the process is there; where that cannot be asked without harm, it is taken to be."""
    if os.name == "posix":
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # another user's
            return True
    return True


def require_answer(address: str) -> None:
    """Raise OSError when nothing answers at a scheduler's address, SettingError when it is none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise SettingError(f"{address!r} is not the address of a scheduler; give one such as tcp://127.0.0.1:8786.")
    socket.create_connection((host, port), timeout=_ANSWER_WITHIN).close()


def _answers(address: str) -> bool:
    try:
        require_answer(address)
    except OSError:
        return False
    return True
