"""Finished steps as files: a table of one row each, the step as JSON beside what it took. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from avss_core.errors import RunError
from avss_core.pruning.search.next_step import STEP_OF
from avss_core.pruning.search.settings import Search
from avss_core.pruning.search.step import Step


@dataclass(frozen=True)
class StepRecord:
    """A step, and what it took beside its block runs.

    importance_block_runs: what scoring the blocks cost, 0 where that was not needed; a block counts once when it ran
    over the whole text. cuts: how many were looked at, the whole model included; recalled: those that were known.
    """

    step: Step
    importance_block_runs: float = 0.0
    cuts: int = 0
    recalled: int = 0

    def write(self, path: Path) -> None:
        """Make the file."""
        values = {"importance_block_runs": self.importance_block_runs, "cuts": self.cuts, "recalled": self.recalled}
        pd.DataFrame([{"step": json.dumps(self.step.to_dict()), **values}]).to_parquet(path)


def read_records(files: Iterable[Path], search: Search) -> tuple[StepRecord, ...]:
    """The steps of a search from their files, in the order given; RunError for a file that is gone."""
    try:
        return tuple(_read(str(file), file.stat().st_mtime_ns, search) for file in files)
    except FileNotFoundError as error:
        raise RunError(f"The file {error.filename} of this search is gone; delete the run and search again.") from error


@lru_cache(maxsize=1024)  # a page reads every step of every search each time that it is drawn
def _read(file: str, _changed: int, search: Search) -> StepRecord:
    (row,) = pd.read_parquet(file).to_dict(orient="records")
    step = STEP_OF[search].from_dict(json.loads(row["step"]))
    return StepRecord(step, float(row["importance_block_runs"]), int(row["cuts"]), int(row["recalled"]))
