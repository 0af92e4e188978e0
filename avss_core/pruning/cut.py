"""The blocks that are taken out, and why."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index

from avss_core.errors import CutError


@dataclass(frozen=True)
class Cut:
    """`removed`: 0-based block indices, kept in rising order; none is allowed (the whole model). reason: for people.

    Raises CutError when a block does not exist or is named twice, or when no block would be left.
    """

    removed: tuple[int, ...]
    n_blocks: int
    reason: str

    def __post_init__(self) -> None:
        """Check the indices and sort them."""
        removed = tuple(sorted(index(block) for block in self.removed))
        for block in removed:
            if not 0 <= block < self.n_blocks:
                raise CutError(f"There is no block {block} to remove: the model has blocks 0 to {self.n_blocks - 1}.")
            if removed.count(block) > 1:
                raise CutError(f"Block {block} is named {removed.count(block)} times; name each block to remove once.")
        if len(removed) == self.n_blocks:
            raise CutError(f"The cut removes all {self.n_blocks} blocks; keep at least one.")
        object.__setattr__(self, "removed", removed)

    @property
    def kept(self) -> tuple[int, ...]:
        """The blocks that stay."""
        return tuple(block for block in range(self.n_blocks) if block not in self.removed)
