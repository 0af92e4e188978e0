"""How much smaller a model gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from avss_core.pruning.cut import Cut


@dataclass(frozen=True)
class Reduction:
    """Removed parameters, less those added: their number, their share of all parameters, and of those in blocks."""

    removed: int
    of_all: float
    of_blocks: float

    def to_dict(self) -> dict[str, float]:
        """The three numbers by name."""
        return asdict(self)


def parameter_reduction(cut: Cut, block_parameters: Sequence[int], parameters_total: int, added: int = 0) -> Reduction:
    """What `cut` takes away from a model whose block ℓ has `block_parameters[ℓ]` parameters (formulas §1).

    added: parameters that a healing puts in the place of the blocks.
    """
    removed = sum(block_parameters[block] for block in cut.removed) - added
    return Reduction(removed, removed / parameters_total, removed / sum(block_parameters))
