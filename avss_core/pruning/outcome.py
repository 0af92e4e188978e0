"""What a cut does to a task: before, after, what is retained with its interval, how much smaller the model gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from avss_core.pruning.cut import Cut
from avss_core.pruning.reduction import Reduction, parameter_reduction
from avss_core.tasks import task_named
from avss_core.tasks.evaluation import Evaluation, retained


@dataclass(frozen=True)
class Outcome:
    """A cut, evaluated. retained: 1 when nothing is lost, with the ends of its paired 95 % interval over documents.

    Of the cut that removes nothing both ends are what is retained: it is the whole model itself.
    """

    cut: Cut
    before: Evaluation
    after: Evaluation
    retained: float
    retained_low: float
    retained_high: float
    reduction: Reduction

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON types; `kept` and `removed` always together."""
        return {
            "kept": list(self.cut.kept),
            "removed": list(self.cut.removed),
            "reason": self.cut.reason,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "retained": self.retained,
            "retained_low": self.retained_low,
            "retained_high": self.retained_high,
            "parameter_reduction": self.reduction.of_all,
            "parameter_reduction_of_blocks": self.reduction.of_blocks,
            "parameters_removed": self.reduction.removed,
        }


def outcome_of(
    cut: Cut,
    before: tuple[Evaluation, pd.DataFrame],
    after: tuple[Evaluation, pd.DataFrame],
    block_parameters: Sequence[int],
    parameters_total: int,
    parameters_added: int = 0,
) -> Outcome:
    """Compare two evaluations of the same documents, each with its per-document values.

    parameters_added: by what heals the cut (`HealedFiles.parameters_added`).
    """
    low = high = share = retained(before[0], after[0])
    if cut.removed:
        low, high = task_named(before[0].task).retained_interval(before[1], after[1], before[0].metric)
    reduction = parameter_reduction(cut, block_parameters, parameters_total, parameters_added)
    return Outcome(cut, before[0], after[0], share, low, high, reduction)
