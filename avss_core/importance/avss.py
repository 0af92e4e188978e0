"""The Activation Variance-Sparsity Score, equations (1)–(9) of arXiv 2411.02117.

Direction: the paper removes the blocks with the lowest AVSS. What that is worth is measured elsewhere, never assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.activations.magnitude_bins import share_below, share_bounds
from avss_core.activations.moments import FIRST_TOKEN, Profile, SiteMoments
from avss_core.errors import SettingError
from avss_core.importance.epsilon import Epsilon

COLUMNS = (
    "block",
    "site",
    "n",
    "mean",
    "variance",
    "std",
    "variance_share",
    "sparsity",
    "sparsity_min",
    "sparsity_max",
    "sparsity_share",
    "sparsity_deviation",
    "avss",
    "avss_share",
    "avss_cumulative",
    "l1",
    "l2",
    "frobenius",
    "floored",
)


def score_table(
    profile: Profile,
    site: str = "residual",
    epsilon: Epsilon | None = None,
    skip_first_token: bool = False,
    groups: Sequence[str] | None = None,
) -> pd.DataFrame:
    """One row per block with the columns `COLUMNS`, for one site of a profile.

    sparsity_min and sparsity_max are the ends that the histogram leaves to S; they meet where ε is a bin edge.
    groups: only the tokens of these groups (all when None). Raises SettingError when the profile does not hold the
    site or a group, or when no token is left.
    """
    moments = chosen_moments(profile, site, skip_first_token, groups)
    table = pd.DataFrame(score_columns(moments, epsilon or Epsilon(), site))
    return table[list(COLUMNS)]


def chosen_moments(
    profile: Profile, site: str, skip_first_token: bool = False, groups: Sequence[str] | None = None
) -> SiteMoments:
    """The moments of one site, of the named groups of tokens (all when None) together.

    skip_first_token leaves out the group of every window's first token. Raises SettingError as `score_table` does.
    """
    moments = moments_of(profile, site)
    chosen = chosen_groups(moments, skip_first_token, groups)
    if not tokens_in(moments, chosen):
        left = "without the first of every window" if skip_first_token else f"in {', '.join(chosen) or 'no group'}"
        raise SettingError(f"No token is left {left}; choose more groups of tokens or a longer text.")
    return moments.pooled(chosen)


def tokens_in(moments: SiteMoments, groups: Sequence[str]) -> int:
    """How many tokens these groups hold."""
    return int(moments.tokens[[moments.groups.index(group) for group in groups]].sum())


def moments_of(profile: Profile, site: str) -> SiteMoments:
    """One site of a profile; SettingError when the profile does not hold it."""
    if site in profile.missing:
        raise SettingError(f"Site {site!r} could not be measured in this model: {profile.missing[site]}.")
    if site not in profile.sites:
        raise SettingError(f"This run did not measure site {site!r}; it has {', '.join(profile.sites)}.")
    return profile.sites[site]


def chosen_groups(moments: SiteMoments, skip_first_token: bool, groups: Sequence[str] | None) -> list[str]:
    """The groups to look at, in the order of the moments; SettingError for one that is not there."""
    for group in groups or ():
        if group not in moments.groups:
            raise SettingError(f"This run has no group of tokens {group!r}; it has {', '.join(moments.groups)}.")
    return [
        group
        for group in moments.groups
        if (groups is None or group in groups) and not (skip_first_token and group == FIRST_TOKEN)
    ]


def score_columns(moments: SiteMoments, epsilon: Epsilon, site: str) -> dict[str, NDArray[Any] | str]:
    """Equations (1)–(9) and the norms, from moments with a single group, each column of shape (blocks,)."""
    n = np.full(moments.n_blocks, int(moments.count[0]))
    tokens, sequences = int(moments.tokens[0]), int(moments.sequences[0])
    variance = moments.m2[:, 0] / n  # (1)
    std = np.sqrt(variance)  # (2)
    threshold = epsilon.absolute(std)
    sparsity = share_below(moments.histogram[:, 0], threshold)  # (4)
    sparsity_min, sparsity_max = share_bounds(moments.histogram[:, 0], threshold)
    return {
        "block": np.arange(moments.n_blocks),
        "site": site,
        "n": n,
        "mean": moments.mean[:, 0],
        "variance": variance,
        "std": std,
        **derived_columns(variance, sparsity, n),
        "sparsity_min": sparsity_min,
        "sparsity_max": sparsity_max,
        "l1": moments.abs_sum[:, 0] / tokens,
        "l2": moments.l2_sum[:, 0] / tokens,
        "frobenius": moments.frobenius_sum[:, 0] / sequences,
    }


def is_floored(sparsity: NDArray[np.float64], n: NDArray[Any] | int) -> NDArray[np.bool_]:
    """Where S is below 1/N, so that (7) takes 1/N in its place."""
    return np.asarray(sparsity * n < 1 - 1e-9)  # a share of one activation may be rounded to a little less


def derived_columns(
    variance: NDArray[np.float64], sparsity: NDArray[np.float64], n: NDArray[Any] | int
) -> dict[str, NDArray[Any]]:
    """Equations (3) and (5)–(9) from σ² and S of each block, along the last axis.

    S = 0 would make (7) undefined: S below 1/N (0, or interpolated to less than one activation) is floored at 1/N, and
    the block is flagged (our reading).
    """
    floored = is_floored(sparsity, n)
    avss = variance / np.where(floored, 1.0 / np.maximum(n, 1), sparsity)  # (7)
    avss_share = shares(avss)  # (8)
    sparsity_share = shares(sparsity)  # (5)
    return {
        "variance_share": shares(variance),  # (3)
        "sparsity": sparsity,
        "sparsity_share": sparsity_share,
        "sparsity_deviation": np.abs(sparsity - sparsity_share),  # (6)
        "avss": avss,
        "avss_share": avss_share,
        "avss_cumulative": np.cumsum(avss_share, axis=-1),  # (9)
        "floored": floored,
    }


def shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value over the sum along the last axis; equal shares when all are zero."""
    total = values.sum(axis=-1, keepdims=True)
    return np.where(total > 0, values / np.where(total > 0, total, 1.0), 1.0 / values.shape[-1])


def lowest_first(scores: Sequence[float]) -> list[int]:
    """Blocks by rising score, ties by index: the order in which they would be removed."""
    return [int(block) for block in np.argsort(np.asarray(scores), kind="stable")]
