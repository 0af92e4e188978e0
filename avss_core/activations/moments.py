"""Moments of activations: what one pass over a text leaves behind, and what merges.

`SiteMoments` holds one site of every block. Merging the moments of two halves gives the moments of the whole (to 1e-9
relative, in float64), in any order: live curves, resuming, intervals and a cluster of workers all rest on that.
No torch here: the pages read, merge and score moments too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from avss_core.errors import NumericalError, SettingError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

FIRST_TOKEN = "first"
REST = "rest"
N_LARGEST = 32
LARGEST = np.dtype([("magnitude", "f8"), ("document", "i8"), ("position", "i8"), ("feature", "i8")])


@dataclass(frozen=True, eq=False)
class SiteMoments:
    """Moments of one site for B blocks, G groups of tokens and F features.

    The groups divide the real tokens among themselves; padding is in none. Arrays with G+1 columns hold, in their last
    column, all groups together, because a norm over a whole sequence is not the sum of the norms of its parts.
    """

    groups: tuple[str, ...]
    tokens: Counts  # (G,)
    sequences: Counts  # (G+1,) windows with a token of the group
    mean: Floats  # (B, G) over tokens × features
    m2: Floats  # (B, G) Σ (a − mean)²
    abs_sum: Floats  # (B, G) Σ |a|
    l2_sum: Floats  # (B, G) Σ over tokens of ‖a_t‖₂
    frobenius_sum: Floats  # (B, G+1) Σ over sequences of ‖A‖_F
    histogram: Counts  # (B, G, N_BINS) of |a|
    feature_sums: Floats  # (B, G, 3, F) Σa, Σ|a|, Σa² per feature
    largest: NDArray[np.void]  # (B, G, N_LARGEST) the largest |a|, the largest first; magnitude 0 where there is none

    @property
    def n_blocks(self) -> int:
        return int(self.mean.shape[0])

    @property
    def n_features(self) -> int:
        return int(self.feature_sums.shape[-1])

    @property
    def count(self) -> Counts:
        """N of equations (1) and (4), (G,): every scalar of every real token."""
        return self.tokens * self.n_features

    @property
    def square_sum(self) -> Floats:
        """Σ a², (B, G)."""
        return self.m2 + self.count * self.mean**2

    def __add__(self, other: SiteMoments) -> SiteMoments:
        """Merge with the moments of other tokens (Chan's formula for mean and M2).

        Raises SettingError when the other was measured in other groups, or in another model.
        """
        if (self.groups, self.feature_sums.shape) != (other.groups, other.feature_sums.shape):
            raise SettingError(
                f"Moments of the groups {', '.join(self.groups)} ({self.n_blocks} blocks, {self.n_features} features) "
                f"do not merge with those of {', '.join(other.groups)} ({other.n_blocks} blocks, {other.n_features} "
                "features); profile both with one model and one grouping."
            )
        n_self, n_other = self.count.astype(np.float64), other.count.astype(np.float64)
        total = np.maximum(n_self + n_other, 1.0)
        delta = other.mean - self.mean
        summed = {
            name: getattr(self, name) + getattr(other, name)
            for name in (
                "tokens",
                "sequences",
                "abs_sum",
                "l2_sum",
                "frobenius_sum",
                "histogram",
                "feature_sums",
            )
        }
        return SiteMoments(
            groups=self.groups,
            mean=self.mean + delta * (n_other / total),
            m2=self.m2 + other.m2 + delta**2 * (n_self * n_other / total),
            largest=_merge_largest(self.largest, other.largest),
            **summed,
        )

    def pooled(self, groups: Sequence[str] | None = None) -> SiteMoments:
        """The same moments with the named groups (all when None) merged into one called "pooled".

        The Frobenius norm over some, but not all, of more than two groups cannot be had from what is kept: it is nan.
        """
        chosen = list(self.groups) if groups is None else [g for g in self.groups if g in groups]
        parts = [self._only(self.groups.index(group)) for group in chosen]
        merged = reduce(lambda a, b: a + b, parts)
        if len(chosen) == 1:
            return merged
        everything = len(chosen) == len(self.groups)
        frobenius = self.frobenius_sum[:, -1:] if everything else np.full_like(self.frobenius_sum[:, -1:], np.nan)
        sequences = self.sequences[-1:]
        return replace(merged, frobenius_sum=np.repeat(frobenius, 2, axis=1), sequences=np.repeat(sequences, 2))

    def _only(self, index: int) -> SiteMoments:
        pick = slice(index, index + 1)
        both = [index, index]
        return replace(
            self,
            groups=("pooled",),
            tokens=self.tokens[pick],
            sequences=self.sequences[both],
            mean=self.mean[:, pick],
            m2=self.m2[:, pick],
            abs_sum=self.abs_sum[:, pick],
            l2_sum=self.l2_sum[:, pick],
            frobenius_sum=self.frobenius_sum[:, both],
            histogram=self.histogram[:, pick],
            feature_sums=self.feature_sums[:, pick],
            largest=self.largest[:, pick],
        )

    def check_finite(self, site: str, dtype: str) -> None:
        """Raise NumericalError, naming the first block, when an activation (of a network in `dtype`) was not finite."""
        bad = ~np.isfinite(self.abs_sum).all(axis=1)
        if bad.any():
            remedy = "check the model's weights" if dtype == "float32" else "try --dtype float32"
            raise NumericalError(
                f"Block {int(np.argmax(bad))} gives activations (site {site}) that are not finite, so its statistics "
                f"would mean nothing; {remedy}."
            )


@dataclass(frozen=True, eq=False)
class Profile:
    """What one pass measured: the moments of each site, and why a site is missing where it could not be found."""

    sites: dict[str, SiteMoments]
    missing: dict[str, str]

    @property
    def tokens(self) -> int:
        return int(next(iter(self.sites.values())).tokens.sum())

    @property
    def n_blocks(self) -> int:
        return next(iter(self.sites.values())).n_blocks

    def __add__(self, other: Profile) -> Profile:
        if self.sites.keys() != other.sites.keys():
            raise SettingError(
                f"A profile of {', '.join(self.sites)} does not merge with one of {', '.join(other.sites)}; "
                "choose the same sites for both."
            )
        sites = {site: moments + other.sites[site] for site, moments in self.sites.items()}
        return Profile(sites, {**self.missing, **other.missing})


def merge_profiles(profiles: Sequence[Profile]) -> Profile:
    """Merge by a tree (pairs, then pairs of pairs), so that rounding grows with the logarithm of their number."""
    level = list(profiles)
    while len(level) > 1:
        pairs = [level[i] + level[i + 1] for i in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def _merge_largest(a: NDArray[np.void], b: NDArray[np.void]) -> NDArray[np.void]:
    both = np.concatenate([a, b], axis=-1)
    # Ties are broken by where they are, so that the order of merging does not show.
    order = np.lexsort((both["feature"], both["position"], both["document"], -both["magnitude"]), axis=-1)
    return np.take_along_axis(both, order[..., :N_LARGEST], axis=-1)
