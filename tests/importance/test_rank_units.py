"""A comparison carried out in pieces: one run a pass, one unit a shard, files read back in any order."""

from __future__ import annotations

from pathlib import Path

import pytest
from rank_cases import model_of, windows_of

from avss_core.errors import ModelError
from avss_core.importance import Epsilon, RankSettings
from avss_core.importance.rank import rank
from avss_core.importance.rank_job import check_applies, rank_unit
from avss_core.importance.sums_parquet import rankings_in

ASKED = ("random", "avss@update", "block_influence", "taylor", "ablation", "shapley", "magnitude")
SETTINGS = RankSettings(ASKED, Epsilon(0.2, relative=True), seed=3, budget=9, sample_tokens=4)
SHARDS = [windows_of(9, 4), windows_of(7, 5, first_document=2)]


def test_units_of_every_pass_give_what_one_call_gives(tmp_path: Path) -> None:
    model, files = model_of("llama"), []
    for run, part in enumerate(SETTINGS.by_pass()):
        for number, shard in enumerate(SHARDS):
            files.append(tmp_path / f"{run}-{number}.parquet")
            told: list[int] = []
            rank_unit(model, shard, part, told.append)(files[-1])
            assert sum(told) == sum(map(len, shard))
    merged = rankings_in(files[::-1], SETTINGS, 4)
    from avss_core.importance.compute import measure_shard
    from avss_core.importance.rankings import rankings_of

    at_once = rankings_of([measure_shard(model, shard, SETTINGS) for shard in SHARDS], SETTINGS, 4)
    for one, other in zip(merged, at_once, strict=True):
        assert one.name == other.name
        assert one.scores == pytest.approx(other.scores, rel=1e-9), one.name
        assert one.block_runs == pytest.approx(other.block_runs)
    assert not list(tmp_path.glob("*.partial"))


def test_a_pass_is_named_alike_whatever_else_was_asked_for() -> None:
    parts = [part.methods for part in SETTINGS.by_pass()]
    assert parts == [
        ("magnitude",),
        ("avss@update", "avss_script", "variance@update", "sparsity@update", "block_influence", "angular"),
        ("gbis", "taylor"),
        ("cim", "ablation"),
        ("shapley",),
    ]
    (alone,) = RankSettings(("gbis",), Epsilon(0.5), seed=9, budget=7).by_pass()
    assert alone in SETTINGS.by_pass()  # neither ε, seed nor budget makes a difference to gradients
    assert RankSettings(("shapley",), seed=4).by_pass() != RankSettings(("shapley",), seed=5).by_pass()
    assert RankSettings(("avss",), Epsilon(0.1)).by_pass() != RankSettings(("avss",), Epsilon(0.2)).by_pass()
    assert RankSettings(("random",)).by_pass() == ()


def test_what_cannot_be_had_is_known_before_anything_runs() -> None:
    with pytest.raises(ModelError, match="Ablation"):
        check_applies(model_of("bert"), RankSettings(("gbis", "ablation")))
    check_applies(model_of("bert"), RankSettings(("gbis", "taylor")))


def test_rank_takes_every_method_by_default() -> None:
    names = [ranking.name for ranking in rank(model_of("llama"), SHARDS[0])]
    assert names == list(RankSettings().methods)
