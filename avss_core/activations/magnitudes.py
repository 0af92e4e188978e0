"""How large activations are: their distribution and its quantiles, block by block. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from avss_core.activations.magnitude_bins import BINS_PER_OCTAVE, N_BINS, bin_edges, quantile
from avss_core.activations.moments import SiteMoments
from avss_core.errors import SettingError

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)


def magnitude_frame(moments: SiteMoments, per_octave: int = 4) -> pd.DataFrame:
    """One row per block and bin that is not empty, with the columns `block, low, high, share`.

    low and high are the bin's edges in log2|a|, −∞ and +∞ at the ends; share is that of the block's activations, so
    that a block's shares add up to 1. `per_octave`: bins for every doubling of |a|, a divisor of 16; SettingError
    otherwise.
    """
    if per_octave < 1 or BINS_PER_OCTAVE % per_octave:
        raise SettingError(f"A doubling of |a| can be cut into 1, 2, 4, 8 or 16 bins, not into {per_octave}.")
    histogram = moments.pooled().histogram[:, 0]
    together = BINS_PER_OCTAVE // per_octave
    starts = np.array([0, *range(1, N_BINS - 1, together), N_BINS - 1])
    counts = np.add.reduceat(histogram, starts, axis=1)
    with np.errstate(divide="ignore"):
        edges = np.append(np.log2(bin_edges()[starts]), np.inf)
    block, k = np.nonzero(counts)
    share = counts[block, k] / histogram.sum(axis=1)[block]
    return pd.DataFrame({"block": block, "low": edges[k], "high": edges[k + 1], "share": share})


def quantile_frame(moments: SiteMoments, quantiles: Sequence[float] = QUANTILES) -> pd.DataFrame:
    """One row per block and quantile with the columns `block, quantile, magnitude`.

    magnitude is the |a| below which that share of the block's activations lies, to 1/16 of itself; nan where it lies
    below 2^-40 or from 2^24 on. Raises SettingError for a quantile that is not between 0 and 1.
    """
    for q in quantiles:
        if not 0 < q < 1:
            raise SettingError(f"A quantile lies between 0 and 1, and {q:g} does not.")
    histogram = moments.pooled().histogram[:, 0]
    values = np.stack([quantile(histogram, q) for q in quantiles], axis=1)
    return pd.DataFrame(
        {
            "block": np.repeat(np.arange(moments.n_blocks), len(quantiles)),
            "quantile": np.tile(quantiles, moments.n_blocks),
            "magnitude": values.ravel(),
        }
    )
