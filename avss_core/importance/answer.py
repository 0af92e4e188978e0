"""A finished comparison of methods as one JSON object: what `rank --json` prints and pages read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from avss_core.importance.agreement import agreement_with
from avss_core.importance.ranking import Ranking


def rank_answer(rankings: Sequence[Ranking], seed: int = 0) -> dict[str, Any]:
    """`methods.NAME.{scores, direction, seconds, …}` and `agreement.NAME.{spearman, kendall, …}` against ablation.

    `agreement` is empty when ablation is not among the methods.
    """
    return {
        "methods": {ranking.name: ranking.to_dict() for ranking in rankings},
        "agreement": agreement_with(rankings, seed=seed),
    }
