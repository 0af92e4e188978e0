"""From the sums of the authors' script to its table. No torch: the pages and the shell make the table too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from avss_core.importance.avss import derived_columns

EPSILON = 1e-5
NAME = "authors' script"


def authors_table(shards: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row per block: variance, std, sparsity and the columns of equations (3) and (5)–(9) made of them, and
    gradient_l1, gradient_l2, weight_frobenius.

    S = 0 is floored at 1/N, N the features of all samples, and flagged (our reading: the script would divide by zero).
    Norms of gradients are nan for a model that predicts no next token.
    """
    sums = pd.concat(shards).groupby("block", sort=True)
    total = sums[["samples", "variance", "sparsity", "gradient_samples", "gradient_l1", "gradient_l2"]].sum()
    constant = sums[["features", "weight_frobenius"]].first()
    samples, backward = total["samples"].to_numpy(), total["gradient_samples"].to_numpy(dtype=np.float64)
    backward[backward == 0] = np.nan
    variance = total["variance"].to_numpy() / samples
    sparsity = total["sparsity"].to_numpy() / samples
    n = (samples * constant["features"].to_numpy()).astype(np.int64)
    return pd.DataFrame(
        {
            "block": total.index.to_numpy(),
            "n": n,
            "variance": variance,
            "std": np.sqrt(variance),
            **derived_columns(variance, sparsity, n),
            "gradient_l1": total["gradient_l1"].to_numpy() / backward,
            "gradient_l2": total["gradient_l2"].to_numpy() / backward,
            "weight_frobenius": constant["weight_frobenius"].to_numpy(),
        }
    )
