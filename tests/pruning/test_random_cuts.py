from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

from avss_core.errors import CutError, SettingError
from avss_core.pruning.random_cuts import DRAWS, is_complete, random_band, random_cuts, random_cuts_by_size
from avss_core.variants.plan import count_block_runs, count_block_runs_naive
from avss_core.variants.variant import Variant

Draw = Callable[..., list[tuple[int, ...]]]


def one_of_many(n_blocks: int, size: int, *more: Any, **named: Any) -> list[tuple[int, ...]]:
    return random_cuts_by_size(n_blocks, [size], *more, **named)[size]


BOTH = pytest.mark.parametrize("draw", [random_cuts, one_of_many])


@BOTH
def test_different_cuts_of_the_size_without_protected_blocks(draw: Draw) -> None:
    cuts = draw(30, 7, protected=(0, 29))
    assert len(set(cuts)) == len(cuts) == DRAWS >= 20
    for cut in cuts:
        assert len(set(cut)) == 7
        assert list(cut) == sorted(cut)
        assert not {0, 29} & set(cut)


@BOTH
def test_the_same_every_time_and_others_with_another_seed(draw: Draw) -> None:
    assert draw(30, 7) == draw(30, 7)
    assert draw(30, 7) != draw(30, 7, seed=1)
    assert draw(30, 7, draws=5) == draw(30, 7)[:5]


@BOTH
def test_all_of_them_where_there_are_no_more(draw: Draw) -> None:
    assert draw(8, 2, protected=(0, 7)) == list(combinations(range(1, 7), 2))  # 15
    assert is_complete(8, 2, (0, 7), 15)
    assert not is_complete(8, 3, (0, 7), 15)
    # One fewer than all.
    nineteen = draw(8, 3, protected=(0, 7), draws=19)
    assert len(set(nineteen)) == 19 < 20


@BOTH
def test_every_block_is_drawn_about_as_often(draw: Draw) -> None:
    counts = Counter(block for seed in range(200) for cut in draw(12, 3, seed=seed) for block in cut)
    # 200 · 20 · 3 / 12 = 1000 each, with a standard deviation of about √(4000 · ¼ · ¾) = 27.
    assert all(abs(counts[block] - 1000) < 5 * 27 for block in range(12))


@BOTH
def test_every_set_is_drawn_about_as_often(draw: Draw) -> None:
    # Sizes at which many orders repeat one another and are drawn anew: 21 sets of 2 blocks of 7, 20 of them drawn.
    counts = Counter(cut for seed in range(400) for cut in draw(7, 2, seed=seed))
    # Each is left out with probability 1/21: 400 / 21 = 19 times, with a standard deviation of about 4.3.
    assert len(counts) == 21
    assert all(abs(400 - counts[cut] - 19) < 5 * 4.3 for cut in counts)


def test_draws_of_all_sizes_follow_one_order_each() -> None:
    by_size = random_cuts_by_size(30, range(5, 16), (0, 29))
    for small, large in pairwise(by_size.values()):
        assert all(set(fewer) < set(more) for fewer, more in zip(small, large, strict=True))


def test_draws_share_prefixes_between_sizes() -> None:
    def runs(cuts: list[tuple[int, ...]]) -> float:
        variants = [Variant.without(30, cut) for cut in cuts]
        return count_block_runs(variants) / count_block_runs_naive(variants)

    generator = np.random.default_rng(0)
    unrelated = [tuple(generator.choice(30, n, replace=False).tolist()) for n in range(1, 16) for _ in range(DRAWS)]
    ours = [cut for cuts in random_cuts_by_size(30, range(1, 16)).values() for cut in cuts]
    assert runs(ours) == pytest.approx(0.47, abs=0.03)
    assert runs(unrelated) == pytest.approx(0.63, abs=0.03)


@BOTH
def test_what_cannot_be_drawn(draw: Draw) -> None:
    with pytest.raises(CutError, match="5 blocks cannot be drawn from 4 that may go of 6"):
        draw(6, 5, protected=(0, 5))
    with pytest.raises(CutError, match="cannot be drawn"):
        draw(6, 6)
    with pytest.raises(SettingError, match="at least 1, not 0"):
        draw(6, 2, draws=0)


@pytest.mark.parametrize(
    ("draws", "k", "coverage"), [(1, 1, 0.0), (20, 1, 19 / 21), (39, 1, 0.95), (78, 1, 77 / 79), (79, 2, 0.95)]
)
def test_band_by_hand(draws: int, k: int, coverage: float) -> None:
    values = [float(value) for value in np.random.default_rng(0).permutation(draws)]
    band = random_band(values)
    assert (band.low, band.high, band.draws) == (k - 1, draws - k, draws)
    assert band.median == (draws - 1) / 2
    assert band.coverage == pytest.approx(coverage)


@pytest.mark.parametrize("draws", [20, 39, 100])
def test_the_band_covers_what_it_says(draws: int) -> None:
    # A lopsided distribution: the statement is about any.
    drawn = np.random.default_rng(5).lognormal(0, 2, (4000, draws + 1))
    hits = 0
    for row in drawn:
        band = random_band(row[:-1].tolist())
        hits += band.low <= row[-1] <= band.high
    assert hits / 4000 == pytest.approx(band.coverage, abs=4 * np.sqrt(0.05 * 0.95 / 4000) + 0.005)


def test_nothing_is_left_to_draw_when_all_cuts_are_there() -> None:
    band = random_band([3.0, 1.0, 2.0], complete=True)
    assert (band.low, band.median, band.high, band.coverage) == (1.0, 2.0, 3.0, 1.0)


def test_a_band_of_nothing() -> None:
    with pytest.raises(SettingError, match="no random cut"):
        random_band([])
