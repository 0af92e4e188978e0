"""A pruned model as the sequence of blocks it keeps; no weights, no copy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from operator import index

from avss_core.errors import CutError


@dataclass(frozen=True)
class Variant:
    """The blocks that run, by 0-based index, in the order of the model; the whole model has `n_blocks`.

    No block at all is allowed (Shapley values need that coalition). Raises CutError when an index is out of range,
    repeated, or out of order.
    """

    kept: tuple[int, ...]
    n_blocks: int

    def __post_init__(self) -> None:
        """Check the indices and make plain integers of them."""
        kept = tuple(index(block) for block in self.kept)
        if any(not 0 <= block < self.n_blocks for block in kept):
            raise CutError(
                f"The kept blocks {list(kept)} do not all exist: the model has blocks 0 to {self.n_blocks - 1}."
            )
        if any(first >= second for first, second in pairwise(kept)):
            raise CutError(f"The kept blocks {list(kept)} must be in rising order, each of them once.")
        object.__setattr__(self, "kept", kept)

    @property
    def removed(self) -> tuple[int, ...]:
        """The blocks that do not run."""
        kept = set(self.kept)
        return tuple(block for block in range(self.n_blocks) if block not in kept)

    @property
    def key(self) -> str:
        """The kept blocks as text, `"0,1,2"`: how tables name a variant."""
        return ",".join(map(str, self.kept))

    @classmethod
    def full(cls, n_blocks: int) -> Variant:
        """The whole model."""
        return cls(tuple(range(n_blocks)), n_blocks)

    @classmethod
    def without(cls, n_blocks: int, removed: Iterable[int]) -> Variant:
        """The model without the blocks `removed`, given in any order; CutError when one does not exist."""
        gone = {index(block) for block in removed}
        missing = sorted(block for block in gone if not 0 <= block < n_blocks)
        if missing:
            raise CutError(f"There is no block {missing[0]} to remove: the model has blocks 0 to {n_blocks - 1}.")
        return cls(tuple(block for block in range(n_blocks) if block not in gone), n_blocks)
