"""One step of a search: small, complete, and able to go through JSON, so that a search can go on from its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self

import pandas as pd

from avss_core.pruning.search.scoring import loss_between
from avss_core.tasks.evaluation import Evaluation, retained

Blocks = tuple[int, ...]


class Decision(StrEnum):
    """What becomes of what a step tried."""

    REMOVED = "removed"
    PUT_BACK = "put back"


class Stop(StrEnum):
    """Why a search ends."""

    REQUESTED = "requested number removed"
    TOLERANCE = "one more would retain less than asked"
    CONVERGED = "performance hardly changes any more"
    ALL_TRIED = "every block has been tried"
    NOTHING_LEFT = "no block is left to remove"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What all searches tell of a step.

    number       from 1
    unpruned     P(M_0), in every step, so that each can be read alone
    attempt      the performance with the block (or the cut) that was tried
    decision     whether it stays removed
    evaluation   the performance as it stands after the step: `attempt`, or that of the step before
    removed      the blocks removed after the step, in the order they went (a beam's: in block order)
    drop         P(M_i) − P(M_{i+1}), positive where performance is lost, from the step before to `attempt`
    block_runs   blocks run over the whole text in this step, shared prefixes once, and in iterative pruning those
                 shared with the model as it stands not again; block_runs_naive: without sharing
    stop         why this is the last step; None when the search goes on
    """

    number: int
    unpruned: Evaluation
    attempt: Evaluation
    decision: Decision
    evaluation: Evaluation
    removed: Blocks
    drop: float
    block_runs: int
    block_runs_naive: int
    stop: Stop | None

    @property
    def cumulative_loss(self) -> float:
        """(57): P(M_0) − P(M_k), the sum of the drops of all removals so far; positive where performance is lost."""
        return loss_between(self.unpruned, self.evaluation)

    @property
    def retained(self) -> float:
        """Retained performance as it stands after the step, 1 when nothing is lost."""
        return retained(self.unpruned, self.evaluation)

    def to_dict(self) -> dict[str, Any]:
        """All fields and properties as JSON types, but for nan and inf, which Python's `json` writes and reads."""
        return asdict(self) | {"cumulative_loss": self.cumulative_loss, "retained": self.retained}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`, also after JSON has made lists of tuples."""
        plain = {field.name: _tuples(values[field.name]) for field in fields(cls)}
        evaluations = {name: Evaluation(**values[name]) for name in ("unpruned", "attempt", "evaluation")}
        stop = values["stop"]
        return cls(
            **plain
            | evaluations
            | {"decision": Decision(values["decision"]), "stop": None if stop is None else Stop(stop)}
        )


def steps_table(steps: Sequence[Step]) -> pd.DataFrame:
    """One row a step, for tables and figures: block runs are summed up to the step; `candidate` is empty for a beam.

    value, low, high: the performance as it stands after the step; attempt, …: with what was tried removed.
    """
    rows = [
        {
            "number": step.number,
            "candidate": getattr(step, "candidate", None),
            "decision": str(step.decision),
            "n_removed": len(step.removed),
            "value": step.evaluation.value,
            "low": step.evaluation.low,
            "high": step.evaluation.high,
            "attempt": step.attempt.value,
            "attempt_low": step.attempt.low,
            "attempt_high": step.attempt.high,
            "drop": step.drop,
            "delta": getattr(step, "delta", None),
            "cumulative_loss": step.cumulative_loss,
            "retained": step.retained,
            "blocks": " ".join(map(str, step.removed)),
            "block_runs": step.block_runs,
            "block_runs_naive": step.block_runs_naive,
            "stop": "" if step.stop is None else str(step.stop),
        }
        for step in steps
    ]
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.assign(block_runs=table["block_runs"].cumsum(), block_runs_naive=table["block_runs_naive"].cumsum())


_COLUMNS = (
    "number",
    "candidate",
    "decision",
    "n_removed",
    "value",
    "low",
    "high",
    "attempt",
    "attempt_low",
    "attempt_high",
    "drop",
    "delta",
    "cumulative_loss",
    "retained",
    "blocks",
    "block_runs",
    "block_runs_naive",
    "stop",
)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
