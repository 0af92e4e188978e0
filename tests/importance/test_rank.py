"""All methods together: one table, any order of shards, every architecture, one JSON object."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from random_models import DECODERS, ENCODERS, build
from rank_cases import model_of, windows_of

from avss_core.errors import Cancelled, CorpusError, ModelError
from avss_core.importance import METHODS, RankSettings, fitting, rank_answer, rankings_of
from avss_core.importance.compute import has_head, measure_shard
from avss_core.importance.rank import rank
from avss_core.models.load import wrap

EVERYTHING = tuple(method.name for method in METHODS)
SHARDS = [windows_of(9, 4), windows_of(7, first_document=2), windows_of(3, 5, first_document=3)]
WINDOWS = [window for shard in SHARDS for window in shard]


def test_shards_in_any_order_give_the_same_rankings() -> None:
    model, settings = model_of("llama"), RankSettings(EVERYTHING, budget=9, sample_tokens=4)
    parts = [measure_shard(model, shard, settings) for shard in SHARDS]
    one, other = rankings_of(parts, settings, 4), rankings_of(parts[::-1], settings, 4)
    for a, b in zip(one, other, strict=True):
        assert a.scores == pytest.approx(b.scores, rel=1e-12), a.name
        assert a.low == (None if b.low is None else pytest.approx(b.low, rel=1e-9)), a.name


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_is_ranked_by_everything(name: str) -> None:
    model = model_of(name)
    rankings = rank(model, WINDOWS, RankSettings(EVERYTHING, budget=40, sample_tokens=8))
    assert [ranking.name for ranking in rankings] == list(EVERYTHING)
    for ranking in rankings:
        assert len(ranking.scores) == 4
        assert np.isfinite(ranking.scores).all()
        assert sorted(ranking.removal_order) == sorted(ranking.ranks[b] - 1 for b in range(4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_is_ranked_by_what_fits_it(name: str) -> None:
    model = model_of(name)
    names = [method.name for method in fitting(model.predicts_next_token, has_head(model))]
    assert {"gbis", "taylor", "block_influence", "avss"} <= set(names)
    assert all(np.isfinite(ranking.scores).all() for ranking in rank(model, WINDOWS, RankSettings(tuple(names))))


def test_a_network_without_a_head_has_no_gradient_of_a_loss() -> None:
    model = wrap(build("bert").base_model, tokenizer=None)
    assert not has_head(model)
    with pytest.raises(ModelError, match="asks for a network with a head"):
        rank(model, WINDOWS, RankSettings(("taylor",)))
    assert rank(model, WINDOWS, RankSettings(("block_influence",)))


def test_the_answer_is_json_with_scores_direction_seconds_and_agreement() -> None:
    rankings = rank(model_of("llama"), WINDOWS, RankSettings(EVERYTHING, budget=40))
    answer = json.loads(json.dumps(rank_answer(rankings), allow_nan=False))
    assert list(answer["methods"]) == list(EVERYTHING)
    for name, found in answer["methods"].items():
        assert len(found["scores"]) == 4
        assert found["direction"] == "lowest is removed first"
        assert found["seconds"] >= 0
        assert {"spearman", "kendall"} <= answer["agreement"][name].keys()
    assert answer["agreement"]["ablation"]["spearman"] == pytest.approx(1.0)


def test_the_same_settings_give_the_same_rankings() -> None:
    settings = RankSettings(EVERYTHING, seed=5, budget=9, sample_tokens=4)
    one, again = (rank(model_of("llama"), WINDOWS, settings) for _ in range(2))
    assert [ranking.scores for ranking in one] == [ranking.scores for ranking in again]
    assert [ranking.low for ranking in one] == [ranking.low for ranking in again]


def test_progress_adds_up_and_cancelling_leaves_the_model_as_it_was() -> None:
    model, told = model_of("llama"), []
    rank(model, WINDOWS, RankSettings(EVERYTHING, budget=9, sample_tokens=4), told.append)
    assert sum(told) == sum(map(len, WINDOWS))
    assert all(tokens >= 0 for tokens in told)

    calls = 0

    def cancel_later(tokens: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        rank(model, WINDOWS, RankSettings(EVERYTHING, budget=9), cancel_later)
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in model.blocks)
    assert {type(block).__name__ for block in model.blocks} == {"LlamaDecoderLayer"}


def test_magnitude_is_the_sum_of_absolute_weights_whatever_the_shards() -> None:
    model, settings = model_of("gpt2"), RankSettings(("magnitude",))
    expected = [sum(w.double().abs().sum().item() for w in block.parameters()) for block in model.blocks]
    for shards in (SHARDS, SHARDS[:1]):
        parts = [measure_shard(model, shard, settings) for shard in shards]
        (ranking,) = rankings_of(parts, settings, 4)
        assert ranking.scores == pytest.approx(expected, rel=1e-9)
        assert ranking.block_runs == 0


def test_random_is_fixed_by_the_seed_and_costs_nothing() -> None:
    one, two, other = (rank(model_of("llama"), WINDOWS, RankSettings(("random",), seed=seed))[0] for seed in (1, 1, 2))
    assert one.scores == two.scores != other.scores
    assert (one.seconds, one.samples, one.low) == (0, 0, None)


def test_bfloat16_stays_near_float32() -> None:
    settings = RankSettings(("ablation", "taylor", "block_influence"))
    exact = rank(model_of("llama"), WINDOWS, settings)
    rounded = rank(wrap(build("llama", dtype=torch.bfloat16), tokenizer=None), WINDOWS, settings)
    for one, other in zip(exact, rounded, strict=True):
        assert one.scores == pytest.approx(other.scores, rel=0.3, abs=0.05), one.name


def test_without_text() -> None:
    with pytest.raises(CorpusError, match="at least one window"):
        rank(model_of("llama"), [], RankSettings(("random",)))
    with pytest.raises(CorpusError, match="each window is one token"):
        rank(model_of("llama"), windows_of(1), RankSettings(("ablation",)))
