"""The gaps that a cut leaves: runs of neighbouring blocks that are gone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from avss_core.variants.variant import Variant


@dataclass(frozen=True, order=True)
class Stretch:
    """Removed neighbours `first` … `last` (0-based, in the whole model).

    place: where the gap lies in the pruned model, as the number of its blocks that run before it; 0 when the cut
    begins with the first block.
    """

    first: int
    last: int
    place: int

    @property
    def length(self) -> int:
        """How many blocks are gone."""
        return self.last - self.first + 1

    @property
    def name(self) -> str:
        """`12–14`, or `7` for a single block."""
        return str(self.first) if self.length == 1 else f"{self.first}–{self.last}"


def stretches_of(variant: Variant) -> tuple[Stretch, ...]:
    """The stretches that `variant` leaves out, in the order of the model; none for the whole model."""
    found: list[Stretch] = []
    for number, block in enumerate(variant.removed):
        if found and found[-1].last == block - 1:
            found[-1] = Stretch(found[-1].first, block, found[-1].place)
        else:
            found.append(Stretch(block, block, block - number))
    return tuple(found)


def blocks_as_text(removed: Iterable[int]) -> str:
    """`3-5, 12`, as fields and options for blocks read it."""
    numbered = enumerate(sorted(removed))
    runs = [[block for _, block in group] for _, group in groupby(numbered, lambda at: at[1] - at[0])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
