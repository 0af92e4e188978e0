"""How much smaller a model gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from avss_core.pruning.cut import Cut


@dataclass(frozen=True)
class Reduction:
    """Removed parameters: their number, their share of all parameters, and of those in blocks."""

    removed: int
    of_all: float
    of_blocks: float

    def to_dict(self) -> dict[str, float]:
        """The three numbers by name."""
        return asdict(self)


def parameter_reduction(cut: Cut, block_parameters: Sequence[int], parameters_total: int) -> Reduction:
    """What `cut` takes away from a model whose block ℓ has `block_parameters[ℓ]` parameters (formulas §1)."""
    removed = sum(block_parameters[block] for block in cut.removed)
    return Reduction(removed, removed / parameters_total, removed / sum(block_parameters))
