"""Blocks that are never removed, and those that may go."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index

from avss_core.errors import CutError, SettingError


def protected_ends(n_blocks: int, first: int = 0, last: int = 0) -> tuple[int, ...]:
    """The `first` blocks and the `last` ones (all of them where they meet); SettingError for a negative number."""
    if first < 0 or last < 0:
        raise SettingError("The number of protected blocks must not be negative.")
    return tuple(block for block in range(n_blocks) if block < first or block >= n_blocks - last)


def free_blocks(n_blocks: int, protected: Iterable[int]) -> tuple[int, ...]:
    """The blocks that are not protected, in order; CutError when a protected block does not exist."""
    kept = {index(block) for block in protected}
    missing = sorted(block for block in kept if not 0 <= block < n_blocks)
    if missing:
        raise CutError(f"There is no block {missing[0]} to protect: the model has blocks 0 to {n_blocks - 1}.")
    return tuple(block for block in range(n_blocks) if block not in kept)


def most_removable(n_blocks: int, free: int, wanted: int | None = None) -> int:
    """How many of the `free` blocks to remove at most: `wanted`, or (None) all of them, but one block always stays.

    Raises CutError when so many cannot go, or none at all.
    """
    possible = min(free, n_blocks - 1)
    if possible < 1:
        raise CutError(f"None of the {n_blocks} blocks can be removed; protect fewer, or take a deeper model.")
    if wanted is not None and not 1 <= wanted <= possible:
        raise CutError(
            f"{wanted} blocks are to be removed, but it can be 1 to {possible} of {n_blocks} "
            f"({n_blocks - free} are protected, and one must stay); ask for another number."
        )
    return possible if wanted is None else wanted
