"""Ways to score a block. What is here needs no torch; `rank.py`, `compute.py` and `passes/` do."""

from avss_core.importance.agreement import agreement_table, agreement_with, overlap_of_lowest
from avss_core.importance.answer import rank_answer
from avss_core.importance.avss import score_table
from avss_core.importance.epsilon import Epsilon
from avss_core.importance.intervals import score_table_with_intervals
from avss_core.importance.method import Method
from avss_core.importance.ranking import Ranking, rank_table
from avss_core.importance.rankings import rankings_of
from avss_core.importance.registry import METHODS, fitting, method_named
from avss_core.importance.settings import RankSettings

__all__ = [
    "METHODS",
    "Epsilon",
    "Method",
    "RankSettings",
    "Ranking",
    "agreement_table",
    "agreement_with",
    "fitting",
    "method_named",
    "overlap_of_lowest",
    "rank_answer",
    "rank_table",
    "rankings_of",
    "score_table",
    "score_table_with_intervals",
]
