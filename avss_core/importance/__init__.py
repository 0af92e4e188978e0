"""Ways to score a block."""

from avss_core.importance.avss import score_table
from avss_core.importance.epsilon import Epsilon
from avss_core.importance.intervals import score_table_with_intervals

__all__ = ["Epsilon", "score_table", "score_table_with_intervals"]
