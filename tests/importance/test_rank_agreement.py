"""Agreement of rankings against SciPy, brute force, and by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from avss_core.errors import SettingError
from avss_core.figures.agreement import agreement_matrix, rank_heatmap
from avss_core.importance import Ranking, agreement_table, agreement_with, method_named, overlap_of_lowest, rank_table
from avss_core.importance.agreement import agreement_of, kendall_of_draws, spearman_of_draws


def ranking(name: str, *scores: float) -> Ranking:
    return Ranking(name, method_named(name), tuple(map(float, scores)))


ABLATION = ranking("ablation", 9, 4, 1, 2, 8)
TAYLOR = ranking("taylor", 7, 5, 2, 3, 9)
RANDOM = ranking("random", 1, 2, 3, 4, 5)


def test_by_hand() -> None:
    # Ranks 5 3 1 2 4 and 4 3 1 2 5: two differ by one, ρ = 1 − 6·2 / (5·24); one of ten pairs is the other way round.
    agreement = agreement_with([ABLATION, TAYLOR])
    assert agreement["taylor"]["spearman"] == pytest.approx(0.9)
    assert agreement["taylor"]["kendall"] == pytest.approx((9 - 1) / 10)
    assert agreement["ablation"]["spearman"] == pytest.approx(1.0)


@pytest.mark.parametrize("ties", [False, True])
def test_agreement_is_what_scipy_says(ties: bool) -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 30)) * 3
    if ties:
        x, y = x.round(), y.round()
    agreement = agreement_of(x, y)
    assert agreement["spearman"] == pytest.approx(stats.spearmanr(x, y).statistic)
    assert agreement["kendall"] == pytest.approx(stats.kendalltau(x, y).statistic)


@pytest.mark.parametrize("ties", [False, True])
def test_draws_are_what_scipy_says_of_the_drawn_blocks(ties: bool) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 12))
    if ties:
        x, y = x.round(), y.round()
    times = generator.multinomial(12, np.full(12, 1 / 12), size=50).astype(float)
    spearman, kendall = spearman_of_draws(x, y, times), kendall_of_draws(x, y, times)
    for draw, often in enumerate(times.astype(int)):
        drawn_x, drawn_y = np.repeat(x, often), np.repeat(y, often)
        assert spearman[draw] == pytest.approx(stats.spearmanr(drawn_x, drawn_y).statistic)
        assert kendall[draw] == pytest.approx(stats.kendalltau(drawn_x, drawn_y).statistic)


def test_intervals_hold_the_value_and_the_seed_fixes_them() -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=30)
    y = x + generator.normal(size=30)
    one, again = agreement_of(x, y, seed=4), agreement_of(x, y, seed=4)
    assert one == again != agreement_of(x, y, seed=5)
    for measure in ("spearman", "kendall"):
        assert -1 < one[f"{measure}_low"] < one[measure] < one[f"{measure}_high"] < 1


def test_equal_scores_have_no_agreement() -> None:
    flat = ranking("random", 3, 3, 3, 3, 3)
    assert math.isnan(agreement_of(flat.scores, ABLATION.scores)["spearman"])
    assert agreement_with([ABLATION, flat])["random"]["kendall"] is None


def test_without_the_oracle_there_is_nothing_to_agree_with() -> None:
    assert agreement_with([TAYLOR, RANDOM]) == {}


def test_rankings_of_two_models_are_refused() -> None:
    with pytest.raises(SettingError, match="5 and of 2 blocks"):
        agreement_table([ABLATION, ranking("random", 1, 2)])


def test_tables_are_what_the_figures_draw() -> None:
    pairs = agreement_table([ABLATION, TAYLOR, RANDOM])
    assert pairs[["a", "b"]].to_numpy().tolist() == [
        ["ablation", "taylor"],
        ["ablation", "random"],
        ["taylor", "random"],
    ]
    assert agreement_matrix(pairs, "kendall").data[0].z[0][1] == pytest.approx(0.8)
    ranks = rank_table([ABLATION, RANDOM])
    assert ranks["rank"].tolist() == [1, 3, 5, 4, 2, 5, 4, 3, 2, 1]
    assert rank_heatmap(ranks).data[0].z.shape == (2, 5)
    cim = replace(ranking("cim", 3, 1, 2), details={"spread": [0.5, 0.1, 0.2]})
    assert rank_table([cim])["spread"].tolist() == [0.5, 0.1, 0.2]
    assert ranks["spread"].isna().all()


def test_a_method_of_stretches_removes_its_best_stretch() -> None:
    found = {"stretches": [{"n": 1, "first": 4, "distance": 0.1}, {"n": 2, "first": 2, "distance": 0.3}]}
    angular = replace(ranking("angular", 0.2, 0.9, 0.4, 0.4, 0.1), details=found)
    assert [angular.lowest(n) for n in (0, 1, 2, 5)] == [(), (4,), (2, 3), (0, 1, 2, 3, 4)]
    assert angular.removal_order[:2] == [4, 0]
    assert TAYLOR.lowest(3) == (1, 2, 3)
    assert overlap_of_lowest([ABLATION, angular], 2)["shared"].tolist() == [2]  # {2, 3}, {2, 3}


def test_overlap_of_the_lowest() -> None:
    table = overlap_of_lowest([ABLATION, TAYLOR, RANDOM], 2)
    assert table["overlap"].tolist() == [1.0, 0.0, 0.0]  # {2, 3}, {2, 3}, {0, 1}
    assert overlap_of_lowest([ABLATION, RANDOM], 5)["shared"].tolist() == [5]
    with pytest.raises(SettingError, match="from 1 to 5"):
        overlap_of_lowest([ABLATION, RANDOM], 6)
