"""Is the set of blocks that would be removed settled, or would other documents of the same kind give another one?

The text's shards are resampled (see `intervals.py`); the stability of the lowest n blocks is the share of resamples in
which the same n blocks are the lowest. A profile may stop as soon as it reaches 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avss_core.activations.moments import Profile, merge_profiles
from avss_core.errors import SettingError
from avss_core.importance.avss import lowest_first, score_table
from avss_core.importance.epsilon import Epsilon
from avss_core.importance.intervals import MIN_SHARDS, resampled_columns

STABLE = 0.95


def check_share(share: float) -> None:
    """Raise SettingError outside 0 < share < 1."""
    if not 0 < share < 1:
        raise SettingError(f"The share of blocks whose set must be stable lies between 0 and 1; {share:g} does not.")


def lowest_count(share: float, n_blocks: int) -> int:
    """How many blocks the lowest `share` are, at least one and never all; SettingError outside 0 < share < 1."""
    check_share(share)
    return min(max(1, round(share * n_blocks)), n_blocks - 1)


def set_stability(
    shards: Sequence[Profile],
    share: float = 0.25,
    site: str = "residual",
    epsilon: Epsilon | None = None,
    skip_first_token: bool = False,
    resamples: int = 400,
    seed: int = 0,
) -> float:
    """Share of resamples whose lowest `share` of blocks by AVSS is the set that all shards together give.

    nan with fewer than 4 shards, from which nothing can be said. Direction: 1 is settled.
    """
    if len(shards) < MIN_SHARDS:
        return float("nan")
    epsilon = epsilon or Epsilon()
    table = score_table(merge_profiles(shards), site, epsilon, skip_first_token)
    count = lowest_count(share, len(table))
    here = set(lowest_first(table["avss"])[:count])
    drawn = resampled_columns(shards, site, epsilon, skip_first_token, resamples, seed)["avss"]
    lowest = np.argsort(drawn, axis=1, kind="stable")[:, :count]
    return float(np.mean([set(row.tolist()) == here for row in lowest]))
