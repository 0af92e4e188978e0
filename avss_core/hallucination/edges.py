"""Values of ε at which the silent activations of an answer are counted, so that S(ε) is read off later. No torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
# Eight to a decade from 1e-6 to 1000; each is the float nearest to the number as it is written.
EDGES: Floats = np.array([float(f"{step:g}e{power}") for power in range(-6, 3) for step in _STEPS] + [1e3])


def count_below(below: Floats, epsilon: Floats) -> Floats:
    """How many |a| < ε, from the counts at EDGES: exact when ε is an edge, else linear between two edges.

    below: (questions, blocks, edges). epsilon: (blocks,). Returns (questions, blocks). Below the first edge the count
    falls linearly to 0 at ε = 0; above the last it stays, which counts too few.
    """
    edges = np.concatenate([[0.0], EDGES])
    counts = np.concatenate([np.zeros((*below.shape[:-1], 1)), below], axis=-1)
    at = np.clip(np.searchsorted(edges, epsilon, side="right") - 1, 0, len(edges) - 2)  # (blocks,)
    share = np.clip((epsilon - edges[at]) / (edges[at + 1] - edges[at]), 0.0, 1.0)
    low = np.take_along_axis(counts, at[None, :, None], axis=-1)[..., 0]
    high = np.take_along_axis(counts, at[None, :, None] + 1, axis=-1)[..., 0]
    return np.asarray(low + (high - low) * share)


def is_edge(epsilon: float) -> bool:
    """Whether S(ε) is exact."""
    return bool(np.isin(epsilon, EDGES))
