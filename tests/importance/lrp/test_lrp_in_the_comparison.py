"""LRP among the other methods: its sums, read back, are the result; it needs no torch to be listed."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from avss_core.corpora.batches import Batch
from avss_core.importance.lrp.methods import ALPHA_BETA, ATTNLRP, LRP, VARIANTS
from avss_core.importance.lrp.relevance_pass import relevance_pass
from avss_core.importance.lrp.scores import lrp_scores
from avss_core.importance.method import PASSES, Method, Reading
from avss_core.importance.rank import rank
from avss_core.importance.registry import METHODS, Chosen, choose
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import Table, add_up

BY_NAME = {method.name: method for method in (LRP, ATTNLRP, ALPHA_BETA)}
# Every block is run once without gradients and once with them, and its gradient is taken back once; the αβ-rule
# multiplies four times where the ε-rule multiplies once.
RULES = {"lrp": {"rule": "epsilon"}, "attnlrp": {"attention": "attnlrp"}, "lrp_alpha_beta": {"rule": "alpha-beta"}}
BLOCK_RUNS = {"lrp": 3.0, "attnlrp": 3.0, "lrp_alpha_beta": 9.0}


@pytest.mark.parametrize("method", [LRP, ALPHA_BETA, ATTNLRP], ids=lambda method: method.name)
def test_sums_of_shards_give_the_scores_of_the_whole(method: Method, model_of, batch: Batch) -> None:
    model, told = model_of("qwen2"), []
    asked, shards = RankSettings((method.name,)), [batch.windows[:1], batch.windows[1:]]
    tables = [pd.concat(relevance_pass(model, shard, asked, told.append, method.name).tables) for shard in shards]
    sums = Table(add_up(pd.concat(tables)), model.n_blocks).sums()
    settings = VARIANTS[method.name]
    whole = lrp_scores(model, [batch], settings.rule, settings.attention)
    assert method.score(sums, Reading()) == pytest.approx(whole.scores, rel=1e-4)
    account = method.details(sums, Reading())
    assert account["conservation_error"] == pytest.approx(whole.conservation_error, rel=1e-3, abs=1e-4)
    assert account["boundaries"] == pytest.approx(whole.boundaries["relevance"].to_list(), rel=1e-3, abs=1e-4)
    outputs = whole.documents["output"]
    assert (account["output"], account["size"]) == pytest.approx((outputs.sum(), outputs.abs().sum()), rel=1e-3)
    assert account["output"] - account["input"] == pytest.approx(sum(account["lost"].values()), abs=1e-6)
    for cause, lost in whole.lost_by_cause().items():
        assert account["lost"][cause] == pytest.approx(lost, rel=1e-2, abs=1e-3)
    assert sum(told) == pytest.approx(2.0)  # each shard once


@pytest.mark.parametrize("names", [("lrp",), ("lrp", "attnlrp"), ("lrp_alpha_beta", "attnlrp", "lrp", "gbis")])
def test_every_variant_is_told_its_own_cost(names: tuple[str, ...], model_of, batch: Batch) -> None:
    model, told = model_of("llama"), []
    rankings = rank(model, batch.windows, RankSettings(names), told.append)
    assert sum(told) == 20
    for ranking in rankings:
        if ranking.name in BLOCK_RUNS:
            assert ranking.block_runs == 3 * BLOCK_RUNS[ranking.name], "of three blocks, whatever else was asked for"


def test_a_variant_more_measures_no_other_again() -> None:
    alone, more = (RankSettings(names).by_pass() for names in (("lrp",), ("attnlrp", "lrp", "lrp_alpha_beta")))
    assert [part.methods for part in more] == [("lrp",), ("attnlrp",), ("lrp_alpha_beta",)]
    assert alone == more[:1]


@pytest.mark.parametrize("name", BLOCK_RUNS)
def test_every_variant_is_ranked_by_its_name(name: str, model_of, batch: Batch) -> None:
    assert choose(name) == Chosen(BY_NAME[name])
    model, rules = model_of("llama"), RULES[name]
    (ranking,) = rank(model, batch.windows, RankSettings((name,)))
    assert ranking.scores == pytest.approx(lrp_scores(model, [batch], **rules).scores.tolist(), rel=1e-6)
    assert {key: ranking.details["rules"][key] for key in rules} == rules
    error = ranking.details["conservation_error"]
    assert error > 1e-2 if name == "attnlrp" else error < 1e-3


@pytest.mark.parametrize("method", [LRP, ALPHA_BETA, ATTNLRP], ids=lambda method: method.name)
def test_cards(method: Method) -> None:
    card = method.card()
    assert sum(method.needs in met for met in PASSES) == 1
    assert sum(other.needs is method.needs for other in METHODS) == 1, "a pass of its own"
    assert all(card[key] for key in ("pretty_name", "paper", "url", "direction", "sees", "blind_to", "unit"))
    assert "patented and free of charge for personal and scientific purposes only" in card["licence_note"]
    assert "patent" not in card["our_reading"]


def test_listing_needs_no_torch() -> None:
    code = "import sys, avss_core.importance.lrp; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
