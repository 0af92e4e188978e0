"""Scorers with known losses, so that what a search must find can be worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from avss_core.variants import Variant

Blocks = tuple[int, ...]


class KnownLosses:
    """Gives every variant the mean nll that a function of its removed blocks says; remembers what it was asked."""

    def __init__(self, loss: Callable[[frozenset[int]], float]) -> None:
        self.loss = loss
        self.asked: list[set[Blocks]] = []

    def __call__(self, variants: Sequence[Variant]) -> dict[Variant, pd.DataFrame]:
        assert len(set(variants)) == len(variants)
        self.asked.append({variant.removed for variant in variants})
        return {variant: self.frame(variant.removed) for variant in variants}

    def frame(self, removed: Iterable[int]) -> pd.DataFrame:
        """Two documents of 10 and 30 tokens, 0.3 above and 0.1 below the mean."""
        loss = self.loss(frozenset(removed))
        return pd.DataFrame({"document": [0, 1], "nll": [10 * (loss + 0.3), 30 * (loss - 0.1)], "tokens": [10, 30]})


def of_perplexities(table: Mapping[Blocks, float]) -> KnownLosses:
    """From a table of perplexities by removed blocks, in any order."""
    known = {frozenset(removed): math.log(value) for removed, value in table.items()}
    return KnownLosses(known.__getitem__)


def entangled() -> KnownLosses:
    """Six blocks with costs of their own, and pairs that are dear or cheap together, so that greedy search goes wrong:
    the cheapest pair, (3, 4), holds neither of the two blocks that are cheapest alone."""
    own = (0.9, 0.10, 0.12, 0.30, 0.31, 0.8)
    pairs = {(1, 2): 0.9, (3, 4): -0.55, (1, 3): 0.2, (2, 4): 0.25, (0, 5): -0.1}

    def loss(removed: frozenset[int]) -> float:
        together = sum(cost for pair, cost in pairs.items() if removed.issuperset(pair))
        return 2.0 + sum(own[block] for block in removed) + together

    return KnownLosses(loss)
