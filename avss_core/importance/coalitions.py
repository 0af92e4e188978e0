"""Shapley values from the losses of coalitions. A coalition is the blocks that stay, as a tuple of indices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Coalition = tuple[int, ...]


def is_exact(n_blocks: int, budget: int) -> bool:
    """Whether all 2^M coalitions fit into a budget of block runs: their prefix tree has 2^M − 1 of them."""
    return n_blocks < 63 and 2**n_blocks - 1 <= budget


def all_coalitions(n_blocks: int) -> list[Coalition]:
    """All 2^M sets of blocks."""
    return [kept for size in range(n_blocks + 1) for kept in combinations(range(n_blocks), size)]


def along(order: Sequence[int]) -> list[Coalition]:
    """The coalitions met while blocks are removed in `order`, from all of them to none, M + 1 of them."""
    return [tuple(sorted(order[removed:])) for removed in range(len(order) + 1)]


def worth(loss: Array, whole: Array, chance: float) -> Array:
    """What coalitions are worth, in nats per token: chance − loss, and nothing once that is negative.

    chance = ln(vocabulary) is the loss of guessing among all tokens alike. Losses of a network that is hardly there run
    far beyond it (to a hundred nats and more) and would drown everything else. Where the whole model itself is no
    better than chance there is nothing to lose, and the worth is −loss, whatever it is.
    """
    bounded = np.maximum(chance - np.nan_to_num(loss, nan=np.inf), 0.0)
    return np.where(whole < chance, bounded, -loss)


def exact_values(worths: Mapping[Coalition, Array], n_blocks: int) -> Array:
    """φ(ℓ) = Σ over S without ℓ of |S|! (M − |S| − 1)! / M! · [v(S ∪ ℓ) − v(S)], (M, …) for worths of shape (…)."""
    values = np.zeros((n_blocks, *np.shape(worths[()])))
    for coalition, before in worths.items():
        size = len(coalition)
        if size == n_blocks:
            continue
        share = 1.0 / (n_blocks * math.comb(n_blocks - 1, size))
        for block in set(range(n_blocks)) - set(coalition):
            values[block] += share * (worths[tuple(sorted((*coalition, block)))] - before)
    return values


def marginals(order: Sequence[int], worths: Sequence[float]) -> Array:
    """What each block was worth when it was removed, (M,), from the worths along `order`, the whole model's first.

    Fewer than M + 1 worths: the last one is taken to hold to the end, so later blocks lose nothing.
    """
    values = np.zeros(len(order))
    for block, before, after in zip(order, worths, worths[1:], strict=False):
        values[block] = before - after
    return values
