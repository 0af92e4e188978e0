"""Which blocks to remove: by rules from scores; `search` looks for them by measuring."""

from avss_core.pruning.cut import Cut
from avss_core.pruning.protect import free_blocks, protected_ends
from avss_core.pruning.reduction import Reduction, parameter_reduction
from avss_core.pruning.rules import authors_cumulative, below_threshold, lowest_fraction, lowest_k

__all__ = [
    "Cut",
    "Reduction",
    "authors_cumulative",
    "below_threshold",
    "free_blocks",
    "lowest_fraction",
    "lowest_k",
    "parameter_reduction",
    "protected_ends",
]
