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
from avss_core.importance.method import Method, Needs, Reading
from avss_core.importance.registry import Chosen
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import Table, add_up


class Asked:
    """The part of RankSettings that the pass looks at."""

    def __init__(self, *methods: Method) -> None:
        self.chosen = tuple(Chosen(method) for method in methods)


@pytest.mark.parametrize("method", [LRP, ALPHA_BETA, ATTNLRP], ids=lambda method: method.name)
def test_sums_of_shards_give_the_scores_of_the_whole(method: Method, model_of, batch: Batch) -> None:
    model, told = model_of("qwen2"), []
    asked: RankSettings = Asked(method)  # type: ignore[assignment]
    shards = [batch.windows[:1], batch.windows[1:]]
    tables = [pd.concat(relevance_pass(model, shard, asked, told.append).tables) for shard in shards]
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


def test_several_variants_in_one_pass(model_of, batch: Batch) -> None:
    model, told = model_of("llama", 2), []
    measured = relevance_pass(model, batch.windows, Asked(LRP, ATTNLRP), told.append)  # type: ignore[arg-type]
    sums = Table(pd.concat(measured.tables), 2).sums()
    assert LRP.details(sums, Reading())["conservation_error"] < 1e-3
    assert ATTNLRP.details(sums, Reading())["conservation_error"] > 1e-2
    assert measured.block_tokens == 2 * 3 * 2 * 20
    assert sum(told) == pytest.approx(1.0)


@pytest.mark.parametrize("method", [LRP, ALPHA_BETA, ATTNLRP], ids=lambda method: method.name)
def test_cards(method: Method) -> None:
    card = method.card()
    assert method.needs is Needs.RELEVANCE
    assert all(card[key] for key in ("pretty_name", "paper", "url", "direction", "sees", "blind_to", "unit"))
    assert "patented and free of charge for personal and scientific purposes only" in card["licence_note"]
    assert "patent" not in card["our_reading"]


def test_listing_needs_no_torch() -> None:
    code = "import sys, avss_core.importance.lrp; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
