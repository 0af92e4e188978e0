from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from avss_core.tasks import bootstrap_interval, ratio_interval


def test_a_mean_has_the_interval_that_scipy_gives() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=80)
    low, high = ratio_interval(values, np.ones(80), draws=20000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=1).confidence_interval
    spread = theirs.high - theirs.low
    assert low == pytest.approx(theirs.low, abs=0.03 * spread)
    assert high == pytest.approx(theirs.high, abs=0.03 * spread)


def test_ninety_five_percent_of_intervals_cover_the_truth() -> None:
    """Documents of many lengths, whose loss per token varies about ln 20: is the perplexity 20 in the interval?"""
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        tokens = generator.integers(20, 500, size=60)
        nll = tokens * (np.log(20) + generator.normal(0, 0.3, size=60))
        low, high = ratio_interval(nll, tokens.astype(float), np.exp, draws=400)
        covered += low <= 20 <= high
    # 95 % of 400 are 380; the binomial spread is 4.4, and percentile intervals are a little narrow.
    assert 362 <= covered <= 394


def test_resamples_are_whole_samples() -> None:
    seen = []

    def statistic(drawn: np.ndarray) -> np.ndarray:
        seen.append(drawn)
        return drawn[:, 0]

    bootstrap_interval(statistic, 7, draws=500)
    drawn = np.concatenate(seen)
    assert drawn.shape == (500, 7)
    assert (drawn.sum(axis=1) == 7).all()
    # Each document is drawn once in a sample of as many, on average.
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)


def test_many_documents_are_drawn_in_parts() -> None:
    n = 30_000
    shapes = []

    def statistic(drawn: np.ndarray) -> np.ndarray:
        shapes.append(drawn.shape)
        return drawn.sum(axis=1)

    assert bootstrap_interval(statistic, n, draws=300) == (n, n)
    assert len(shapes) > 1
    assert sum(rows for rows, _ in shapes) == 300


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(1).normal(size=30)
    first, again, other = (ratio_interval(values, np.ones(30), seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("n", [0, 1])
def test_one_document_has_no_interval(n: int) -> None:
    assert all(math.isnan(end) for end in ratio_interval(np.ones(n), np.ones(n)))


def test_documents_that_count_nothing_do_not_break_it() -> None:
    low, high = ratio_interval(np.array([0.0, 3.0, 0.0]), np.array([0.0, 2.0, 0.0]))
    assert (low, high) == (1.5, 1.5)


@pytest.mark.filterwarnings("error")
def test_values_that_overflow_have_an_infinite_end() -> None:
    def exp(mean: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.exp(mean)

    low, high = ratio_interval(np.array([1.0, 1.0, 1.0, 1e6]), np.ones(4), exp)
    assert (low, high) == (math.e, math.inf)
    assert ratio_interval(np.full(3, 1e6), np.ones(3), exp) == (math.inf, math.inf)
