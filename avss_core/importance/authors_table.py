"""From the sums of the authors' script to its table. No torch: the pages and the shell make the table too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.importance.avss import derived_columns
from avss_core.importance.intervals import MIN_SHARDS

EPSILON = 1e-5
NAME = "authors' script"
_SUMMED = ("samples", "variance", "sparsity", "gradient_samples", "gradient_l1", "gradient_l2")


def authors_table(shards: Sequence[pd.DataFrame], resamples: int = 400, seed: int = 0) -> pd.DataFrame:
    """One row per block: variance, std, sparsity and the columns of equations (3) and (5)–(9) made of them,
    gradient_l1, gradient_l2, weight_frobenius; then `_low` and `_high` of those that depend on the text.

    S below 1/N is floored at 1/N, N the features of all samples, and flagged (our reading: the script would divide by
    zero). Norms of gradients are nan for a model that predicts no next token. The 95 % intervals come from resampling
    the shards, as in `intervals.py`; nan with fewer than 4 shards.
    """
    rows = [shard.sort_values("block") for shard in shards]
    features, frobenius = (rows[0][name].to_numpy() for name in ("features", "weight_frobenius"))
    sums = {name: np.stack([shard[name].to_numpy(dtype=np.float64) for shard in rows]) for name in _SUMMED}
    columns = _columns({name: of_shards.sum(axis=0) for name, of_shards in sums.items()}, features)
    table = pd.DataFrame({"block": rows[0]["block"].to_numpy(), **columns, "weight_frobenius": frobenius})
    weights = np.full(len(shards), 1 / len(shards))
    draws = np.random.default_rng(seed).multinomial(len(shards), weights, size=resamples)
    drawn = _columns({name: draws @ of_shards for name, of_shards in sums.items()}, features)
    for name in (name for name in drawn if name not in ("n", "floored")):
        ends = np.percentile(drawn[name], [2.5, 97.5], axis=0) if len(shards) >= MIN_SHARDS else (np.nan, np.nan)
        table[f"{name}_low"], table[f"{name}_high"] = ends
    return table


def _columns(sums: dict[str, NDArray[np.float64]], features: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The columns from sums over windows, (…, blocks) each."""
    samples, backward = sums["samples"], np.where(sums["gradient_samples"] > 0, sums["gradient_samples"], np.nan)
    variance, n = sums["variance"] / samples, np.rint(samples * features).astype(np.int64)
    return {
        "n": n,
        "variance": variance,
        "std": np.sqrt(variance),
        **derived_columns(variance, sums["sparsity"] / samples, n),
        "gradient_l1": sums["gradient_l1"] / backward,
        "gradient_l2": sums["gradient_l2"] / backward,
    }
