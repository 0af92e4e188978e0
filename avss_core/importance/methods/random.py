"""Random numbers: what every method has to beat."""

from __future__ import annotations

import numpy as np

from avss_core.importance.method import Array, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums


def score(sums: Sums, reading: Reading) -> Array:
    """One uniform number a block, fixed by the seed."""
    return np.random.default_rng(reading.seed).random(sums.n_blocks)


METHOD = Method(
    name="random",
    pretty_name="Random",
    paper="No paper: the baseline that shows what an order without knowledge is worth",
    url="",
    needs=Needs.NOTHING,
    cost=Cost.FREE,
    sees="Nothing.",
    blind_to="Everything.",
    score=score,
)
