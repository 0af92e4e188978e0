"""Paths that a user gives: what the system refuses to look at is said in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avss_core.errors import BadInput


@contextmanager
def looked_at(path: str | Path, error: type[BadInput], instead: str) -> Iterator[None]:
    """Raise `error` where `path` cannot be looked at: its name is too long, it is of a folder that may not be entered,
    or of the home folder of nobody. instead: what to do, such as "give another file"."""
    try:
        yield
    except (OSError, RuntimeError) as refused:
        reason = (refused.strerror if isinstance(refused, OSError) else None) or str(refused).rstrip(".")
        raise error(f"{path} cannot be looked at ({reason}); {instead}.") from refused
