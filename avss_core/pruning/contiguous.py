"""One stretch of consecutive blocks, as Gromov et al. (arXiv 2403.17887) remove them, instead of any n blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from avss_core.errors import CutError, NumericalError, SettingError
from avss_core.pruning.cut import Cut
from avss_core.pruning.protect import free_blocks

Blocks = tuple[int, ...]


@dataclass(frozen=True)
class Stretch:
    """The best stretch of n consecutive blocks. costs: what each stretch that may go costs, by its first block."""

    cut: Cut
    costs: Mapping[int, float]


def stretches(n_blocks: int, n: int, protected: Iterable[int] = ()) -> list[Blocks]:
    """All stretches of n consecutive blocks without a protected one, from the front.

    Raises SettingError for n < 1, CutError when there is no such stretch.
    """
    if n < 1:
        raise SettingError(f"A stretch to remove has at least 1 block, not {n}.")
    free = set(free_blocks(n_blocks, protected))
    found = [tuple(range(first, first + n)) for first in range(n_blocks - n + 1)]
    found = [stretch for stretch in found if free.issuperset(stretch)] if n < n_blocks else []
    if not found:
        raise CutError(
            f"There is no stretch of {n} consecutive blocks to remove from {n_blocks}, {n_blocks - len(free)} of them "
            "protected; remove fewer, or protect fewer."
        )
    return found


def stretch_by_distance(distances: Sequence[float], n_blocks: int, n: int, protected: Iterable[int] = ()) -> Stretch:
    """The stretch over which the hidden state turns least; ties go to the front.

    distances: d(ℓ, ℓ + n) for each first block ℓ, (M − n + 1,), as `importance.methods.angular.distances` gives them.
    """
    if len(distances) != n_blocks - n + 1:
        raise SettingError(
            f"Stretches of {n} of {n_blocks} blocks have {n_blocks - n + 1} distances, not {len(distances)}; "
            "give those over this number of blocks."
        )
    costs = {stretch[0]: float(distances[stretch[0]]) for stretch in stretches(n_blocks, n, protected)}
    return Stretch(_cheapest(costs, n_blocks, n, "the smallest angular distance"), costs)


def stretch_by_scores(scores: Sequence[float], n: int, protected: Iterable[int] = ()) -> Stretch:
    """The stretch with the lowest sum of scores, for methods that score single blocks; ties go to the front.

    Our reading: such methods say nothing of stretches, and a sum takes their blocks as if each went alone.
    """
    costs = {
        stretch[0]: math.fsum(scores[block] for block in stretch) for stretch in stretches(len(scores), n, protected)
    }
    return Stretch(_cheapest(costs, len(scores), n, "the lowest sum of scores"), costs)


def _cheapest(costs: Mapping[int, float], n_blocks: int, n: int, why: str) -> Cut:
    broken = [first for first, cost in costs.items() if not math.isfinite(cost)]
    if broken:
        raise NumericalError(
            f"The stretch of {n} blocks from block {broken[0]} on has the value {costs[broken[0]]}, "
            "so stretches cannot be compared; choose another way to score them."
        )
    first = min(costs, key=lambda block: (costs[block], block))
    return Cut(tuple(range(first, first + n)), n_blocks, f"the {n} consecutive blocks with {why}")
