"""95 % intervals for every column of a score table, by resampling the shards of the text.

A shard is a few whole documents. Each resample draws as many shards as there are, with replacement, and computes the
score table again from their merged sums; the interval is the 2.5 % and 97.5 % percentile over resamples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.activations.magnitude_bins import share_below
from avss_core.activations.moments import Profile, merge_profiles
from avss_core.importance.avss import chosen_groups, derived_columns, moments_of, score_table
from avss_core.importance.epsilon import Epsilon

RESAMPLED = (
    "variance",
    "std",
    "variance_share",
    "sparsity",
    "sparsity_share",
    "sparsity_deviation",
    "avss",
    "avss_share",
    "avss_cumulative",
    "l1",
    "l2",
    "frobenius",
)
MIN_SHARDS = 4


def score_table_with_intervals(
    shards: Sequence[Profile],
    site: str = "residual",
    epsilon: Epsilon | None = None,
    skip_first_token: bool = False,
    resamples: int = 400,
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> pd.DataFrame:
    """`score_table` of the merged shards with `<column>_low` and `<column>_high`; nan with fewer than 4 shards."""
    epsilon = epsilon or Epsilon()
    table = score_table(merge_profiles(shards), site, epsilon, skip_first_token, groups)
    drawn = (
        resampled_columns(shards, site, epsilon, skip_first_token, resamples, seed, groups)
        if len(shards) >= MIN_SHARDS
        else {name: np.full((1, len(table)), np.nan) for name in RESAMPLED}
    )
    for name in RESAMPLED:
        low, high = np.percentile(drawn[name], [2.5, 97.5], axis=0)
        table[f"{name}_low"], table[f"{name}_high"] = low, high
    return table


def resampled_columns(
    shards: Sequence[Profile],
    site: str,
    epsilon: Epsilon,
    skip_first_token: bool,
    resamples: int,
    seed: int,
    groups: Sequence[str] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """The columns `RESAMPLED` of every resample, each (resamples, blocks).

    Works on sums per shard, so that a resample costs a product of matrices. A relative ε is held at the full text's σ.
    """
    chosen = chosen_groups(moments_of(shards[0], site), skip_first_token, groups)
    parts = [moments_of(shard, site).pooled(chosen) for shard in shards]
    full = score_table(merge_profiles(shards), site, epsilon, skip_first_token, groups)
    threshold = epsilon.absolute(full["std"].to_numpy())
    draws = np.random.default_rng(seed).multinomial(len(shards), np.full(len(shards), 1 / len(shards)), size=resamples)

    count = np.array([part.count[0] for part in parts], dtype=np.float64)[:, None]
    below = np.stack([np.nan_to_num(share_below(part.histogram[:, 0], threshold)) for part in parts]) * count
    n = draws @ count
    mean = draws @ np.stack([part.mean[:, 0] * part.count[0] for part in parts]) / n
    squares = draws @ np.stack([part.square_sum[:, 0] for part in parts])
    variance = np.maximum(squares / n - mean**2, 0.0)
    tokens = draws @ np.array([part.tokens[0] for part in parts], dtype=np.float64)[:, None]
    sequences = draws @ np.array([part.sequences[0] for part in parts], dtype=np.float64)[:, None]
    return {
        "variance": variance,
        "std": np.sqrt(variance),
        **derived_columns(variance, draws @ below / n, n),
        "l1": draws @ np.stack([part.abs_sum[:, 0] for part in parts]) / tokens,
        "l2": draws @ np.stack([part.l2_sum[:, 0] for part in parts]) / tokens,
        "frobenius": draws @ np.stack([part.frobenius_sum[:, 0] for part in parts]) / sequences,
    }
