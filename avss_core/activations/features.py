"""Statistics of every single feature of a block, over tokens. No torch here."""

from __future__ import annotations

import numpy as np
import pandas as pd

from avss_core.activations.moments import SiteMoments


def feature_frame(moments: SiteMoments) -> pd.DataFrame:
    """One row per block and feature with the columns `block, feature, mean, variance, std, mean_abs`.

    Each is taken over the tokens of that one feature; the variance divides by their number. For a mixture of experts
    at the site `mlp`, a feature is a neuron of the first, second, … expert that a token was sent to.
    """
    pooled = moments.pooled()
    tokens = pooled.tokens[0]
    mean, mean_abs, mean_square = np.moveaxis(pooled.feature_sums[:, 0] / tokens, 1, 0)
    variance = np.maximum(mean_square - mean**2, 0.0)
    n_blocks, n_features = mean.shape
    return pd.DataFrame(
        {
            "block": np.repeat(np.arange(n_blocks), n_features),
            "feature": np.tile(np.arange(n_features), n_blocks),
            "mean": mean.ravel(),
            "variance": variance.ravel(),
            "std": np.sqrt(variance).ravel(),
            "mean_abs": mean_abs.ravel(),
        }
    )
