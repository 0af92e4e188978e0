"""One line of the history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

Status = Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"]
ENDED: tuple[Status, ...] = ("done", "failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class Run:
    """What was asked (`spec`), how far it is, and what was found out on the way (`facts`).

    The id is the content hash of what is computed, so asking the same again finds the run that is there. A run that
    ended without being done can be started again: `attempt` counts that, and `created` is when the latest one began.
    """

    id: str
    kind: str
    status: Status
    attempt: int
    spec: dict[str, Any]
    facts: dict[str, Any]
    n_units: int | None
    created: float
    finished: float | None
    seconds: float | None
    error: str | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Run:
        """Make a run of a row of the table `runs`."""
        return cls(**dict(row))

    @property
    def ended(self) -> bool:
        """Whether nothing works on it any more."""
        return self.status in ENDED


@dataclass(frozen=True)
class Unit:
    """A finished part of a run: a shard of documents, its result in a file."""

    run: str
    number: int
    file: str
    tokens: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Kept:
    """An evaluation that is kept: the run that made it, its result, and its per-document values."""

    run: str
    result: dict[str, Any]
    examples: pd.DataFrame
