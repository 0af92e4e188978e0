"""Massive activations: single values that tower over all others of their block. No torch here.

Sun et al., "Massive Activations in Large Language Models" (arXiv 2402.17762), call an activation massive when it is
about a thousand times the median and above 100; here the bar is 100 times the block's median |a| (our reading).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.activations.magnitude_bins import bin_edges, quantile, share_below, share_bounds
from avss_core.activations.moments import SiteMoments
from avss_core.errors import SettingError

FACTOR = 100.0


def median_magnitude(moments: SiteMoments) -> NDArray[np.float64]:
    """The median of |a| of each block, (B,), to 1/16 of itself.

    nan where it cannot be told: half of the activations are below 2^-40, as after a rectifier.
    """
    return quantile(moments.pooled().histogram[:, 0], 0.5)


def massive_shares(moments: SiteMoments, factor: float = FACTOR) -> pd.DataFrame:
    """One row per block with `block, median, threshold, share, share_low, share_high`.

    share is that of the activations with |a| > threshold = factor × median, as well as the histogram tells both;
    share_low and share_high are what it allows: the true share, above factor × the true median, lies between them. nan
    where there is no median to compare with.
    """
    _check(factor)
    pooled = moments.pooled()
    median = median_magnitude(pooled)
    threshold = factor * median
    known = np.isfinite(threshold)
    at = np.where(known, threshold, 1.0)
    histogram = pooled.histogram[:, 0]
    least, most = (np.where(known, factor * edge, 1.0) for edge in _median_bounds(histogram))
    shares = {
        "share": 1 - share_below(histogram, at),
        "share_low": 1 - share_bounds(histogram, most)[1],
        "share_high": 1 - share_bounds(histogram, least)[0],
    }
    return pd.DataFrame(
        {
            "block": np.arange(moments.n_blocks),
            "median": median,
            "threshold": threshold,
            **{name: np.where(known, values, np.nan) for name, values in shares.items()},
        }
    )


def massive_activations(moments: SiteMoments, factor: float = FACTOR) -> pd.DataFrame:
    """Those of `largest_frame` above factor × their block's median; `massive_shares` says how many there are."""
    _check(factor)
    frame = largest_frame(moments)
    return frame[frame["ratio"] > factor].reset_index(drop=True)


def largest_frame(moments: SiteMoments) -> pd.DataFrame:
    """The (up to) 32 largest activations of every block, the largest first.

    Columns `block, document, position, feature, magnitude, ratio`: position counts tokens from the document's start,
    ratio is |a| / median, nan where the block has no median to compare with.
    """
    pooled = moments.pooled()
    block, k = np.nonzero(pooled.largest[:, 0]["magnitude"] > 0)
    found = pooled.largest[block, 0, k]
    return pd.DataFrame(
        {
            "block": block,
            **{name: found[name] for name in ("document", "position", "feature", "magnitude")},
            "ratio": found["magnitude"] / median_magnitude(pooled)[block],
        }
    )


def _median_bounds(histogram: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges around the median of each row of (B, N_BINS): of an even number of values it may lie between two bins."""
    edges = np.append(bin_edges(), np.inf)
    below = np.cumsum(histogram, axis=-1)
    n = below[:, -1:]
    lower, upper = ((below < rank).sum(axis=-1) for rank in ((n + 1) // 2, n // 2 + 1))
    return edges[lower], edges[np.minimum(upper, len(edges) - 2) + 1]


def _check(factor: float) -> None:
    if not (np.isfinite(factor) and factor > 0):
        raise SettingError(f"The bar for massive activations is a positive multiple of the median, not {factor:g}.")
