"""The stability of the lowest blocks, on shards whose answer is known."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from random_models import build

from avss_core.activations.measure import measure
from avss_core.activations.moments import Profile
from avss_core.corpora.windows import Window
from avss_core.errors import SettingError
from avss_core.importance.avss import score_table
from avss_core.importance.stability import lowest_count, set_stability
from avss_core.models.load import wrap


@cache
def shards() -> tuple[Profile, ...]:
    class NoTokenizer:
        pad_token_id = 0

    model = wrap(build("llama"), NoTokenizer())
    drawn = np.random.default_rng(0).integers(3, 120, size=(6, 12)).tolist()
    return tuple(measure(model, [Window(index, 0, tuple(ids))]) for index, ids in enumerate(drawn))


def test_the_same_shard_over_and_over_is_settled() -> None:
    assert set_stability([shards()[0]] * 5, 0.5) == 1.0


def test_less_than_four_shards_say_nothing() -> None:
    assert math.isnan(set_stability(shards()[:3], 0.5))


def test_it_is_the_share_of_resamples_with_the_same_set() -> None:
    """Against merging the drawn shards one by one, with the same draws."""
    parts = shards()
    resamples, seed, share = 40, 3, 0.5
    count = lowest_count(share, parts[0].n_blocks)

    def lowest(chosen: list[Profile]) -> set[int]:
        merged = chosen[0]
        for part in chosen[1:]:
            merged = merged + part
        order = np.argsort(score_table(merged, "update")["avss"].to_numpy(), kind="stable")
        return set(order[:count].tolist())

    draws = np.random.default_rng(seed).multinomial(len(parts), np.full(len(parts), 1 / len(parts)), size=resamples)
    expected = np.mean(
        [
            lowest([part for part, times in zip(parts, row, strict=True) for _ in range(times)]) == lowest(list(parts))
            for row in draws
        ]
    )
    assert set_stability(parts, share, "update", resamples=resamples, seed=seed) == pytest.approx(expected)


@pytest.mark.parametrize(("share", "blocks", "count"), [(0.25, 30, 8), (0.01, 30, 1), (0.99, 4, 3)])
def test_lowest_count(share: float, blocks: int, count: int) -> None:
    assert lowest_count(share, blocks) == count


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_outside_is_refused(share: float) -> None:
    with pytest.raises(SettingError, match="between 0 and 1"):
        lowest_count(share, 4)
