"""The Methods page, over rankings that were really measured on a random model."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
import pytest
import torch
from known_losses import KnownLosses
from methods_runs import numbers, opened, quiet, rank_into, traces
from tiny_model import tiny_network, tiny_tokenizer, write_documents
from transformers import LlamaForCausalLM

from avss_core.corpora import make_windows, read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.importance.rank import rank
from avss_core.importance.settings import RankSettings
from avss_core.jobs import EvaluateRequest, Jobs, ProfileRequest, RankRequest
from avss_core.models.load import load_model
from avss_core.models.spec import ModelSpec
from avss_core.pruning.contiguous import stretch_by_distance
from avss_core.runs import Store
from avss_core.tasks import task_named
from avss_core.variants import Variant
from pages.parts.methods_relevance import conserved

METHODS = ("avss", "avss@update", "block_influence", "angular", "lrp", "attnlrp", "cim", "ablation")
VIEWS = ("Ranks", "Scores", "Against ablation", "Agreement", "Overlap", "Stretches", "Relevance")
BLOCKS = 6
QUARTER = 2  # round(0.25 · 6) = round(1.5): a half goes to the even number


def uneven_network() -> LlamaForCausalLM:
    """Block 1 writes little, so that the two blocks that turn the state least are no neighbours."""
    network = tiny_network(BLOCKS)
    with torch.no_grad():
        network.model.layers[1].self_attn.o_proj.weight.mul_(0.02)
        network.model.layers[1].mlp.down_proj.weight.mul_(0.02)
    return network


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a profile's line and rankings of a tiny model without biases."""
    folder = tmp_path_factory.mktemp("methods")
    store = Store(str(folder / "avss.db"))
    uneven_network().save_pretrained(folder / "model")
    tiny_tokenizer().save_pretrained(folder / "model")
    spec = ModelSpec(str(folder / "model"), dtype="float32")
    corpus = CorpusSpec(str(write_documents(folder / "text.jsonl", 12, 40)), length=64)
    rank_into(store, spec, corpus, load_model(spec), METHODS)
    return store


@pytest.fixture
def here(measured: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same store, and the page looks into it."""
    monkeypatch.setenv("AVSS_STORE", measured.url)
    return measured


def angular_by_hand(store: Store) -> dict[int, np.ndarray]:
    """d(ℓ, ℓ + n) by n from hidden states that are all kept, in float64, each window alone."""
    (run,) = [run for run in store.runs(RankRequest.kind) if "angular" in run.spec["settings"]["methods"]]
    windows = make_windows(read_corpus(CorpusSpec.from_dict(run.spec["corpus"])), tiny_tokenizer())
    network = uneven_network()
    states: list[torch.Tensor] = []
    for module in (*network.model.layers, network.model.norm):
        module.register_forward_pre_hook(lambda _, args: states.append(args[0][0, -1].double()))
    with torch.no_grad():
        for window in windows:
            network(input_ids=torch.tensor([window.ids]))
    last = torch.stack(states).reshape(len(windows), BLOCKS + 1, -1).numpy()
    unit = last / np.linalg.norm(last, axis=-1, keepdims=True)
    cosine = np.einsum("wif,wjf->wij", unit, unit).clip(-1, 1)
    angle = (np.arccos(cosine) / np.pi).mean(axis=0)
    return {n: np.array([angle[first, first + n] for first in range(BLOCKS - n + 1)]) for n in range(1, BLOCKS)}


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_drawn(here: Store, view: str) -> None:
    page = opened(METHODS)
    page.session_state["methods-view"] = view
    quiet(page.run())
    assert len(page.get("plotly_chart")) == 2, "quality against cost, and the chosen view"
    table = page.dataframe[0].value
    assert list(table["method"]) == list(METHODS)
    assert table["spearman"].iloc[-1] == pytest.approx(1.0)
    assert (table["block_runs"] > 0).all()


ONE_BLOCK = """
from dataclasses import replace
from avss_core.jobs.results import finished_rankings
from pages.parts.engine import store
from pages.parts.methods_choose import choose_request
from pages.parts.methods_views import draw_overlap
rankings = finished_rankings(store(), choose_request(chosen_run()))
draw_overlap(tuple(replace(each, scores=each.scores[:1]) for each in rankings))
"""


def test_one_block_has_no_overlap(here: Store) -> None:
    page = quiet(opened(METHODS, ONE_BLOCK).run())
    (told,) = page.info
    assert told.value == "A model of one block has no two sets of blocks to lay over one another."


FLOORED = """
from dataclasses import replace
from avss_core.jobs.results import finished_rankings
from pages.parts.engine import store
from pages.parts.methods_choose import choose_request
from pages.parts.methods_views import draw_scores
first, *others = finished_rankings(store(), choose_request(chosen_run()))
draw_scores((replace(first, details={**first.details, "floored": [0, 2]}), *others))
"""


def test_blocks_whose_sparsity_is_floored_are_named(here: Store) -> None:
    page = quiet(opened(METHODS, FLOORED).run())
    told = [caption.value for caption in page.caption if "floored" in caption.value]
    assert told == [f"**{METHODS[0]}**: S is below 1/N in block 0, 2, and floored there (our reading)."]


def test_what_lrp_conserves_is_told_whatever_the_view(here: Store) -> None:
    page = quiet(opened(METHODS).run())
    told = {name: text.value for text in page.caption for name in ("lrp", "attnlrp") if f"**{name}**" in text.value}
    assert "100.0% of the output's relevance arrives at the input" in told["lrp"], "this model has no biases"
    assert "Taylor" not in told["lrp"]
    arrived = float(re.search(r"([\d.-]+)% of the output's relevance arrives", told["attnlrp"])[1])  # type: ignore[index]
    leaked = float(re.search(r"softmax's Taylor expansion \(AttnLRP only\) \(([+\d.-]+)%\)", told["attnlrp"])[1])  # type: ignore[index]
    assert abs(leaked) > 1
    assert arrived + leaked == pytest.approx(100, abs=0.3)
    error = float(re.search(r"conservation error ([\d.e+-]+\d)", told["attnlrp"])[1])  # type: ignore[index]
    assert error >= abs(leaked) / 100 - 0.003, "documents that gain and documents that lose do not cancel in it"


def test_shares_are_of_the_size_of_the_output() -> None:
    # Two documents with f = 6 and −4: Σf = 2, Σ|f| = 10; biases take 1 from the first.
    account = {"output": 2.0, "size": 10.0, "input": 1.0, "conservation_error": 0.1, "lost": {"biases": 1.0}}
    assert conserved(account).startswith(
        "90.0% of the output's relevance arrives at the input; conservation error 1.0e-01"
    )
    assert "belongs to no input (+10.0%)" in conserved(account)
    negative = account | {"output": -2.0, "input": -1.0, "lost": {"biases": -1.0}}
    assert conserved(negative) == conserved(account)
    unknown = {"output": 0.0, "size": 0.0, "input": 0.0, "conservation_error": None, "lost": {"biases": 0.0}}
    assert conserved(unknown).startswith("conservation error unknown")


def test_the_best_stretch_of_every_length_is_shown(here: Store) -> None:
    page = opened(METHODS)
    page.session_state["methods-view"] = "Stretches"
    quiet(page.run())
    shown = page.dataframe[1].value
    for n, distances in angular_by_hand(here).items():
        (row,) = shown[shown["n"] == n].to_dict("records")
        best = stretch_by_distance(distances.tolist(), BLOCKS, n)
        assert (row["first"], row["last"]) == (best.cut.removed[0], best.cut.removed[-1])
        assert row["distance (angle / π)"] == pytest.approx(distances.min(), abs=1e-5)


def test_the_spread_of_cim_over_contexts_is_drawn(here: Store) -> None:
    page = opened(METHODS)
    page.session_state["methods-view"] = "Scores"
    quiet(page.run())
    found = traces(page, 1)
    assert [name for name, trace in found.items() if "error_y" in trace] == ["cim"]
    (run,) = [run for run in here.runs(RankRequest.kind) if "cim" in run.spec["settings"]["methods"]]
    request = RankRequest.from_dict(run.spec)
    network, divergences = uneven_network(), []
    layers = network.model.layers

    def log_p(ids: torch.Tensor, without: int | None) -> torch.Tensor:
        network.model.layers = torch.nn.ModuleList(layer for n, layer in enumerate(layers) if n != without)
        with torch.no_grad():
            return network(input_ids=ids, use_cache=False).logits[0, :-1].double().log_softmax(dim=-1)

    for window in make_windows(read_corpus(request.corpus), tiny_tokenizer()):
        ids = torch.tensor([window.ids])
        whole = log_p(ids, None)
        rows = [(whole.exp() * (whole - log_p(ids, block))).sum(dim=-1).numpy() for block in range(BLOCKS)]
        divergences.append(np.stack(rows))
    spread = np.concatenate(divergences, axis=1).std(axis=1)
    assert numbers(found["cim"]["error_y"]["array"]) == pytest.approx(spread.tolist(), rel=1e-3)
    assert any("over contexts" in text.value for text in page.caption)


@pytest.mark.usefixtures("as_stored")
@pytest.mark.parametrize(
    ("part", "words"), [("profile", "held-out text"), ("all", "the text that the methods were given")]
)
def test_a_text_that_chose_the_blocks_is_not_called_held_out(
    measured: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, words: str
) -> None:
    profiled = ProfileRequest.from_dict(measured.runs("profile")[0].spec)
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    rank_into(store, profiled.model, profiled.corpus.of_part(part), load_model(profiled.model), ("avss", "ablation"))
    page = quiet(opened(("avss", "ablation")).run())
    assert f"Perplexity on {words}, all" in page.button("evaluate-quarters").help
    assert [warning.value.startswith("**All methods**") for warning in page.warning] == [True] * (part == "all")

    with patch("pages.parts.evaluate_cuts.start_job") as start:
        page.button("evaluate-quarters").click().run()
    (_, asked) = start.call_args.args
    run, losses = (
        store.start_run(asked.run_id(), asked.kind, asked.to_dict()),
        KnownLosses(lambda removed: len(removed)),
    )
    assert run is not None
    cancel = f"cancel-quarters-{run.id}"
    assert cancel in [button.key for button in quiet(page.run()).button], "it was started elsewhere"
    store.add_facts(run.id, run.attempt, blocks=BLOCKS, block_parameters=[1] * BLOCKS, parameters=10)
    for cut in asked.cuts:
        frame = losses.frame(cut)
        result = task_named("perplexity").summarise(frame).to_dict()
        store.add_evaluation(asked.evaluation_key(cut), run.id, Variant.without(BLOCKS, cut).kept, result, frame)
    store.end_run(run.id, run.attempt, "done")
    quiet(page.run())
    assert cancel not in [button.key for button in page.button]
    page.segmented_control("pareto-quality").set_value("perplexity without 25% of the blocks")
    figure = json.loads(quiet(page.run()).get("plotly_chart")[0].proto.spec)
    title = figure["layout"]["yaxis"]["title"]["text"].replace("<br>", " ")
    assert title == f"perplexity without 25% of the blocks ({words})"


@pytest.fixture
def own_workers(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The shared workers: processes that would begin by running the page of an earlier test as their main program."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    address: str = request.getfixturevalue("workers")
    return address


def test_a_quarter_is_removed_by_each_method_and_judged(
    here: Store, own_workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVSS_SCHEDULER", own_workers)
    page = quiet(opened(METHODS).run())
    assert page.dataframe[0].value["perplexity"].isna().all()
    assert page.segmented_control("pareto-quality").options == ["agreement with ablation"]
    page.button("evaluate-quarters").click()
    quiet(page.run())
    (run,) = here.runs(EvaluateRequest.kind)
    jobs = Jobs(here, own_workers)
    assert jobs.wait(run.id).error is None
    asked = EvaluateRequest.from_dict(run.spec)

    quiet(page.run())
    assert "evaluate-quarters" not in [button.key for button in page.button]
    table = page.dataframe[0].value.set_index("method")
    best = stretch_by_distance(angular_by_hand(here)[QUARTER].tolist(), BLOCKS, QUARTER).cut.removed
    windows = make_windows(read_corpus(asked.corpus), tiny_tokenizer())
    (ranked,) = [run for run in here.runs(RankRequest.kind) if "avss" in run.spec["settings"]["methods"]]
    profiled = make_windows(read_corpus(CorpusSpec.from_dict(ranked.spec["corpus"])), tiny_tokenizer())
    avss, angular = rank(load_model(asked.model), profiled, RankSettings(("avss", "angular")))
    lowest = tuple(sorted(np.argsort(avss.scores)[:QUARTER].tolist()))
    assert best != tuple(sorted(np.argsort(angular.scores)[:QUARTER].tolist())), "else nothing is told apart"
    for method, cut in (("avss", lowest), ("angular", best)):
        network, total = uneven_network(), 0.0
        network.model.layers = torch.nn.ModuleList(
            layer for index, layer in enumerate(network.model.layers) if index not in cut
        )
        for window in windows:
            ids = torch.tensor([window.ids])
            with torch.no_grad():
                total += float(network(input_ids=ids, labels=ids, use_cache=False).loss) * (len(window) - 1)
        expected = np.exp(total / sum(len(window) - 1 for window in windows))
        assert table.loc[method, "perplexity"] == pytest.approx(expected, rel=1e-4)
    assert table.loc["angular", "removed first"] == f"{best[0]} – {best[-1]} (best stretch of 2)"

    page.segmented_control("pareto-quality").set_value("perplexity without 25% of the blocks")
    quiet(page.run())
    found = traces(page, 0)
    points = {
        name: value
        for part in ("on the front", "beaten by another")
        for name, value in zip(found[part]["text"], numbers(found[part]["y"]), strict=True)
    }
    assert points == pytest.approx(table["perplexity"].to_dict())
    cheap = table.sort_values(["seconds", "perplexity"]).iloc[0]
    front = table[table["perplexity"] == table["perplexity"].min()].sort_values("seconds").iloc[0]
    assert {cheap.name, front.name} <= set(found["on the front"]["text"]), "the lowest perplexity is the best"

    from pages.parts.engine import jobs as of_page

    jobs.close()
    of_page().close()
