"""AVSS, variance and sparsity from sums of shards, against the score table of the merged profile."""

from __future__ import annotations

import numpy as np
import pytest
from rank_cases import as_numpy, model_of, states_of, windows_of

from avss_core.activations.measure import measure
from avss_core.activations.moments import merge_profiles
from avss_core.errors import CorpusError
from avss_core.importance import Epsilon, RankSettings, rankings_of, score_table
from avss_core.importance.authors_script import authors_sums
from avss_core.importance.authors_table import authors_table
from avss_core.importance.compute import measure_shard

SHARDS = [windows_of(9, 4), windows_of(7, first_document=2), windows_of(3, 5, 6, first_document=3)]
ALL = ("avss", "variance", "sparsity", "avss@update", "sparsity@mlp", "variance@attention")


@pytest.mark.parametrize("epsilon", [Epsilon(0.05), Epsilon(0.3, relative=True)], ids=str)
@pytest.mark.parametrize("skip_first_token", [False, True])
def test_shards_give_the_score_table_of_the_whole(epsilon: Epsilon, skip_first_token: bool) -> None:
    model = model_of("llama")
    settings = RankSettings(ALL, epsilon, skip_first_token)
    rankings = rankings_of([measure_shard(model, shard, settings) for shard in SHARDS], settings, 4)
    sites = ("residual", "update", "mlp", "attention")
    profile = merge_profiles([measure(model, shard, sites) for shard in SHARDS])
    tables = {site: score_table(profile, site, epsilon, skip_first_token) for site in sites}
    expected = [
        tables["residual"]["avss"],
        tables["residual"]["variance"],
        1 - tables["residual"]["sparsity"],
        tables["update"]["avss"],
        1 - tables["mlp"]["sparsity"],
        tables["attention"]["variance"],
    ]
    for ranking, column in zip(rankings, expected, strict=True):
        assert ranking.scores == pytest.approx(column.tolist(), rel=1e-9), ranking.name
    assert [ranking.samples for ranking in rankings] == [3] * 6
    assert rankings[0].low is None  # three shards say nothing of others


@pytest.mark.parametrize("epsilon", [Epsilon(0.05), Epsilon(0.3, relative=True)], ids=str)
def test_a_shard_of_first_tokens_alone_adds_nothing_where_they_are_left_out(epsilon: Epsilon) -> None:
    model, settings = model_of("llama"), RankSettings(ALL, epsilon, skip_first_token=True)
    parts = [measure_shard(model, shard, settings) for shard in SHARDS]
    alone = measure_shard(model, windows_of(1, 1, first_document=6), settings)
    with_it, without = rankings_of([*parts, alone], settings, 4), rankings_of(parts, settings, 4)
    assert [ranking.scores for ranking in with_it] == [ranking.scores for ranking in without]
    with pytest.raises(CorpusError):
        rankings_of([alone], settings, 4)


def test_variance_and_sparsity_in_numpy() -> None:
    model, windows = model_of("gpt2"), windows_of(9, 4, 7)
    settings = RankSettings(("variance", "sparsity"), Epsilon(0.25))
    variance, sparsity = rankings_of([measure_shard(model, windows, settings)], settings, 4)
    states = [as_numpy(states_of(model, window)) for window in windows]
    for block in range(4):
        values = np.concatenate([of_window[block + 1].ravel() for of_window in states])
        assert variance.scores[block] == pytest.approx(values.var(), rel=1e-6)
        assert sparsity.scores[block] == pytest.approx((np.abs(values) >= 0.25).mean(), abs=1e-9)


def test_intervals_cover_the_score_with_enough_shards() -> None:
    model, settings = model_of("llama"), RankSettings(("avss",))
    parts = [measure_shard(model, windows_of(6, first_document=d), settings) for d in range(6)]
    (ranking,) = rankings_of(parts, settings, 4)
    assert ranking.samples == 6
    assert ranking.low is not None
    assert ranking.high is not None
    assert ranking.standard_error is not None
    assert all(a < s < b for a, s, b in zip(ranking.low, ranking.scores, ranking.high, strict=True))
    assert all(0 < e < s for e, s in zip(ranking.standard_error, ranking.scores, strict=True))


def test_the_authors_script_window_by_window() -> None:
    model, settings = model_of("llama"), RankSettings(("avss_script",))
    (ranking,) = rankings_of([measure_shard(model, shard, settings) for shard in SHARDS], settings, 4)
    windows = [window for shard in SHARDS for window in shard]
    assert ranking.scores == pytest.approx(authors_table([authors_sums(model, windows)])["avss"].tolist(), rel=1e-6)
    means = [[state.mean(axis=0) for state in as_numpy(states_of(model, window))[1:]] for window in windows]
    variance = np.mean([[mean.var(ddof=1) for mean in of_window] for of_window in means], axis=0)
    silent = np.mean([[(np.abs(mean) < 1e-5).mean() for mean in of_window] for of_window in means], axis=0)
    floor = 1 / (len(windows) * model.hidden_size)
    assert ranking.scores == pytest.approx((variance / np.where(silent == 0, floor, silent)).tolist(), rel=1e-4)


def test_blocks_without_a_silent_number_are_told() -> None:
    model, windows = model_of("gpt2"), windows_of(9, 4, 7)
    states = [as_numpy(states_of(model, window)) for window in windows]
    smallest = np.array([min(np.abs(of_window[block + 1]).min() for of_window in states) for block in range(4)])
    ordered = np.sort(smallest)
    gap = int(np.argmax(ordered[1:] / ordered[:-1]))
    threshold = float(np.sqrt(ordered[gap] * ordered[gap + 1]))
    settings = RankSettings(("avss", "avss_script"), Epsilon(threshold))
    ranking, script = rankings_of([measure_shard(model, windows, settings)], settings, 4)
    floored = np.flatnonzero(smallest > threshold).tolist()
    assert 0 < len(floored) < 4
    assert ranking.details["floored"] == floored
    assert ranking.to_dict()["details"]["floored"] == floored
    silent = [
        any((np.abs(of_window[block + 1].mean(axis=0)) < 1e-5).any() for of_window in states) for block in range(4)
    ]
    assert script.details["floored"] == np.flatnonzero(~np.array(silent)).tolist()
