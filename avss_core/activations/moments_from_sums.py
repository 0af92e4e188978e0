"""From the raw sums of one shard to moments that merge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avss_core.activations.magnitude_bins import N_BINS
from avss_core.activations.moments import LARGEST, N_LARGEST, SiteMoments

NOTHING_MEASURED = "No token was measured, so there is nothing to sum up; give a text that is not empty."


@dataclass(frozen=True, eq=False)
class SiteSums:
    """Raw sums in float64 for B blocks, G groups and F features; shapes as in `SiteMoments`."""

    l2_sum: NDArray[np.float64]
    frobenius_sum: NDArray[np.float64]
    histogram: NDArray[np.int64]
    feature_sums: NDArray[np.float64]
    largest: NDArray[np.void]

    @classmethod
    def zeros(cls, n_blocks: int, n_groups: int, n_features: int) -> SiteSums:
        """Nothing added yet."""
        return cls(
            l2_sum=np.zeros((n_blocks, n_groups)),
            frobenius_sum=np.zeros((n_blocks, n_groups + 1)),
            histogram=np.zeros((n_blocks, n_groups, N_BINS), dtype=np.int64),
            feature_sums=np.zeros((n_blocks, n_groups, 3, n_features)),
            largest=np.zeros((n_blocks, n_groups, N_LARGEST), dtype=LARGEST),
        )


def moments_from_sums(
    sums: SiteSums, groups: tuple[str, ...], tokens: NDArray[np.int64], sequences: NDArray[np.int64]
) -> SiteMoments:
    """Mean and M2 from Σa and Σa² of every feature.

    M2 is summed over the features' own squared deviations and the spread of their means, so that nothing cancels
    between features of very different size.
    """
    n = np.maximum(tokens, 1)[:, None]
    total, absolute, square = sums.feature_sums[:, :, 0], sums.feature_sums[:, :, 1], sums.feature_sums[:, :, 2]
    with np.errstate(invalid="ignore"):  # what is not finite is reported by `check_finite`
        feature_mean = total / n
        mean = feature_mean.mean(axis=-1)
        within = np.maximum(square - n * feature_mean**2, 0.0).sum(axis=-1)
        between = (n * (feature_mean - mean[..., None]) ** 2).sum(axis=-1)
    return SiteMoments(
        groups=groups,
        tokens=tokens,
        sequences=sequences,
        mean=mean,
        m2=within + between,
        abs_sum=absolute.sum(axis=-1),
        l2_sum=sums.l2_sum,
        frobenius_sum=sums.frobenius_sum,
        histogram=sums.histogram,
        feature_sums=sums.feature_sums,
        largest=sums.largest,
    )
