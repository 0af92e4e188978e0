"""The activation statistics of a shard as sums, and equations (1)–(8) from such sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.activations.magnitude_bins import N_BINS, share_below
from avss_core.activations.moments import Profile
from avss_core.importance.avss import chosen_groups, chosen_moments, derived_columns, moments_of, score_table, tokens_in
from avss_core.importance.epsilon import Epsilon
from avss_core.importance.sums import Array, Sums, add_up, rows_of


def activation_rows(
    profile: Profile, document: int, site: str, epsilon: Epsilon, skip_first_token: bool
) -> list[pd.DataFrame]:
    """Σa, Σa² and the number of |a| < ε of every block, with N as weight; a shard is one sample.

    For an ε relative to σ, which only the whole text has, the histogram goes along and `resolve_epsilon` reads it. A
    shard without a token that counts (first tokens left out, windows of one token) adds no row.
    """
    moments = moments_of(profile, site)
    if not tokens_in(moments, chosen_groups(moments, skip_first_token, None)):
        return []
    scores = score_table(profile, site, epsilon, skip_first_token)
    n, mean = scores["n"].to_numpy(np.float64), scores["mean"].to_numpy()
    tables = [
        rows_of(f"{site}:a", [document], (n * mean)[None], n[None]),
        rows_of(f"{site}:square", [document], (n * (scores["variance"].to_numpy() + mean**2))[None], n[None]),
    ]
    if not epsilon.relative:
        return [*tables, rows_of(f"{site}:below", [document], (n * scores["sparsity"].to_numpy())[None], n[None])]
    histogram = chosen_moments(profile, site, skip_first_token).histogram[:, 0]
    return [*tables, *_histogram_rows(f"{site}:histogram", document, histogram)]


def resolve_epsilon(table: pd.DataFrame, epsilon: Epsilon, n_blocks: int) -> pd.DataFrame:
    """The table with histograms turned into numbers of |a| < ε, ε being that multiple of each block's σ over all."""
    is_histogram = table["statistic"].str.endswith(":histogram")
    if not is_histogram.any():
        return table
    tables = [table[~is_histogram]]
    for statistic, rows in table[is_histogram].groupby("statistic"):
        site = str(statistic).removesuffix(":histogram")
        of_site = table[table["statistic"].isin([f"{site}:a", f"{site}:square"])]
        threshold = epsilon.absolute(np.sqrt(_variance(of_site, site, n_blocks)))
        for document, of_document in rows.groupby("document"):
            histogram = np.zeros((n_blocks, N_BINS), dtype=np.int64)
            # Bins stand in the column `length`.
            np.add.at(histogram, (of_document["block"], of_document["length"]), of_document["value"].astype(np.int64))
            n = histogram.sum(axis=1).astype(np.float64)
            below = np.nan_to_num(share_below(histogram, threshold)) * n
            tables.append(rows_of(f"{site}:below", [int(str(document))], below[None], n[None]))
    return pd.concat(tables, ignore_index=True)


def variance_of(sums: Sums, site: str) -> Array:
    """(1), σ²(ℓ) = Σa²/N − (Σa/N)², (…, M)."""
    variance: Array = np.maximum(sums.mean(f"{site}:square") - sums.mean(f"{site}:a") ** 2, 0.0)
    return variance


def sparsity_of(sums: Sums, site: str) -> Array:
    """(4), S(ℓ), (…, M)."""
    return sums.mean(f"{site}:below")


def avss_of(sums: Sums, site: str) -> Array:
    """(7), AVSS(ℓ) = σ²(ℓ) / S(ℓ), with S floored at 1/N, (…, M)."""
    return _derived(sums, site)["avss"].astype(np.float64)


def floored_of(sums: Sums, site: str) -> list[int]:
    """The blocks that are flagged: their S(ℓ) is floored in (7)."""
    return [int(block) for block in np.flatnonzero(_derived(sums, site)["floored"])]


def _derived(sums: Sums, site: str) -> dict[str, NDArray[Any]]:
    n = sums.weight(f"{site}:a").astype(np.int64)
    return derived_columns(variance_of(sums, site), sparsity_of(sums, site), n)


def _variance(rows: pd.DataFrame, site: str, n_blocks: int) -> Array:
    by_block = add_up(rows.assign(document=0)).pivot(index="block", columns="statistic", values=["value", "weight"])
    mean = by_block["value"] / by_block["weight"]
    variance: Array = (
        (mean[f"{site}:square"] - mean[f"{site}:a"] ** 2).clip(lower=0).reindex(range(n_blocks)).to_numpy()
    )
    return variance


def _histogram_rows(statistic: str, document: int, histogram: NDArray[np.int64]) -> list[pd.DataFrame]:
    blocks, bins = histogram.nonzero()
    counts = histogram[blocks, bins].astype(np.float64)
    return [
        pd.DataFrame(
            {
                "statistic": statistic,
                "block": blocks,
                "length": bins,
                "document": document,
                "repeat": 0,
                "value": counts,
                "weight": 1.0,
            }
        )
    ]
