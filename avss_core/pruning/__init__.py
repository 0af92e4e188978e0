"""Which blocks to remove."""

from avss_core.pruning.cut import Cut
from avss_core.pruning.reduction import Reduction, parameter_reduction
from avss_core.pruning.rules import authors_cumulative, below_threshold, lowest_fraction, lowest_k

__all__ = [
    "Cut",
    "Reduction",
    "authors_cumulative",
    "below_threshold",
    "lowest_fraction",
    "lowest_k",
    "parameter_reduction",
]
