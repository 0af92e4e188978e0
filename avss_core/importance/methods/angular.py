"""Angular distance over a stretch of consecutive blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from avss_core.importance.method import Array, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

ANGLE = "angle"  # length n: Σ over windows of arccos(cos(h[ℓ], h[ℓ+n])) / π at the last token; weight: windows


def score(sums: Sums, reading: Reading) -> Array:
    """d(ℓ) = mean over windows of arccos(cos(h[ℓ], h[ℓ+1])) / π: the distance over a stretch of one block."""
    return sums.mean(ANGLE)


def distances(sums: Sums, n: int) -> Array:
    """The distance over n blocks for each first block of a stretch, (…, M − n + 1)."""
    return sums.mean(ANGLE, n)[..., : sums.n_blocks - n + 1]


def details(sums: Sums, reading: Reading) -> Mapping[str, Any]:
    """`stretches`: for every n the stretch of n blocks with the smallest distance, `{n, first, distance}`."""
    found = []
    for n in range(1, sums.n_blocks):
        distance = distances(sums, n)
        first = int(np.argmin(distance))
        found.append({"n": n, "first": first, "distance": float(distance[first])})
    return {"stretches": found}


METHOD = Method(
    name="angular",
    pretty_name="Angular distance",
    paper="Gromov et al., The Unreasonable Ineffectiveness of the Deeper Layers (2024)",
    url="https://arxiv.org/abs/2403.17887",
    needs=Needs.STATES,
    cost=Cost.FORWARD,
    sees=(
        "The angle between the states before and after a stretch of n blocks, at the last token of every window; "
        "it finds the stretch whose removal leaves the direction nearly as it was."
    ),
    blind_to=(
        "All tokens but the last of each window, so it needs many windows; scattered blocks, since it looks at "
        "stretches; and whether the model needs the turn."
    ),
    score=score,
    details=details,
    our_reading=(
        "A single block's score is the distance over a stretch of one. What it removes is the best stretch of n "
        "blocks, not the n lowest scores."
    ),
    unit="angle / π",
)
