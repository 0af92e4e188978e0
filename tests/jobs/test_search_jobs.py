"""Searches as jobs: the steps are those of the same search in this process, also after a cancel in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from random_models import build
from tiny_model import save_tiny_model, tiny_network, tiny_tokenizer, write_documents

from avss_core.corpora import CorpusSpec, make_windows, read_corpus
from avss_core.corpora.batches import make_batches
from avss_core.errors import ModelError, RunError
from avss_core.importance import RankSettings
from avss_core.jobs import EvaluateRequest, Jobs, RankRequest, SearchRequest
from avss_core.jobs.requests import request_of
from avss_core.jobs.search_results import (
    costs_of,
    cuts_of,
    held_out_of,
    held_out_request,
    held_out_table,
    outcomes_of,
    search_records,
    search_request,
    searches_like,
)
from avss_core.jobs.works.search import SearchWork
from avss_core.models import ModelSpec
from avss_core.models.load import wrap
from avss_core.pruning.search import (
    AppendixH,
    Limits,
    Problem,
    Search,
    SearchSettings,
    Step,
    Stop,
    beam_steps,
    greedy_steps,
    iterative_steps,
)
from avss_core.pruning.search.importance_scorer import importance_scorer
from avss_core.pruning.search.perplexity_scorer import perplexity_scorer
from avss_core.runs import Store
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.trie import MEMORY_BUDGET

BLOCKS = 4
LAX = AppendixH(tolerance=0.2, convergence=0.0, again=True)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    folder = tmp_path_factory.mktemp("search")
    return ModelSpec(str(save_tiny_model(folder / "model", blocks=BLOCKS)), dtype="float32")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> CorpusSpec:
    """About 3,000 tokens, half of them to search on: several shards."""
    file = tmp_path_factory.mktemp("text") / "text.jsonl"
    return CorpusSpec(str(write_documents(file, documents=24, characters=128)), length=64)


def settings_of(name: str) -> SearchSettings:
    return {
        "iterative": SearchSettings(rule=LAX, rank=RankSettings(("block_influence",))),
        "greedy": SearchSettings(Search.GREEDY, Limits(most=3)),
        "beam": SearchSettings(Search.BEAM, Limits(most=3), width=2),
    }[name]


def steps_here(name: str, text: CorpusSpec) -> list[Step]:
    """The same search by the functions that the engine's own tests hold against brute force."""
    model = wrap(tiny_network(BLOCKS), tiny_tokenizer())
    windows = make_windows(read_corpus(text), model.tokenizer)
    settings = settings_of(name)
    kept = KeptPrefixes(MEMORY_BUDGET)
    scorer = perplexity_scorer(model, make_batches(windows, 0), prefixes=kept)
    problem = Problem(BLOCKS, scorer, settings.limits, prefixes=kept)
    if name == "iterative":
        scores_of = importance_scorer(model, windows, RankSettings(("block_influence",)))
        return list(iterative_steps(problem, scores_of, settings.rule))
    return list(greedy_steps(problem) if name == "greedy" else beam_steps(problem, 2))


def said(step: Step) -> tuple[object, ...]:
    return step.number, step.decision, step.removed, step.stop, step.block_runs, step.block_runs_naive


@pytest.mark.parametrize("name", ["iterative", "greedy", "beam"])
def test_a_search_is_what_searching_here_gives(
    name: str, store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec
) -> None:
    request = SearchRequest(spec, text, "perplexity", settings_of(name))
    run = jobs.wait(jobs.submit(request).id)
    assert (run.status, run.error) == ("done", None)
    records = search_records(store, run.id)
    steps, expected = [record.step for record in records], steps_here(name, text)
    assert list(map(said, steps)) == list(map(said, expected))
    for step, other in zip(steps, expected, strict=True):
        assert step.attempt.value == pytest.approx(other.attempt.value, rel=1e-5)
        assert step.drop == pytest.approx(other.drop, rel=1e-3, abs=1e-3)
    assert run.n_units == (BLOCKS if name == "iterative" else 3)
    assert run.facts.get("stopped_after") == (len(steps) if len(steps) < (run.n_units or 0) else None)

    # What it cost: blocks of the model are scored once, and again after each removal but the last.
    costs = costs_of(records)
    assert costs["block_runs"] == sum(step.block_runs for step in expected)
    assert costs["cuts_recalled"] == 0
    if name == "iterative":
        scored = {tuple(score is not None for score in step.scores) for step in expected}  # type: ignore[attr-defined]
        assert costs["importance_block_runs"] == pytest.approx(sum(map(sum, scored)))
        assert costs["cuts"] == len(steps) + 1
    else:
        assert costs["importance_block_runs"] == 0

    # Every cut that was looked at is an evaluation that anybody finds.
    for step in steps:
        assert store.has_evaluation(request.evaluation().evaluation_key(tuple(sorted(step.removed))))
    assert search_request(store, run.id) == request_of("search", json.loads(json.dumps(run.spec))) == request


def until(happened: Callable[[], object], within: float = 30.0) -> None:
    end = time.monotonic() + within
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def long_search(tmp_path: Path) -> SearchRequest:
    """A model and a text that take a while, so that something can happen inside a step."""
    model = ModelSpec(str(save_tiny_model(tmp_path / "model", blocks=6, width=64)), dtype="float32")
    corpus = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", 4, 500)), part="all", length=256)
    return SearchRequest(model, corpus, "perplexity", SearchSettings(Search.BEAM, Limits(most=4), width=2))


def test_a_search_whose_worker_is_killed_goes_on_by_itself(
    store: Store, jobs: Jobs, workers: str, long_search: SearchRequest
) -> None:
    (pid,) = jobs._connections[workers]._client.run(os.getpid).values()
    run = jobs.submit(long_search)
    until(lambda: store.units(run.id))
    os.kill(pid, signal.SIGKILL)
    kept = {unit.file: store.path_of(unit.file).stat().st_mtime_ns for unit in store.units(run.id)}
    assert 1 <= len(kept) < 4, "it was to happen in the middle"
    done = jobs.wait(run.id)
    assert (done.status, done.error, done.attempt) == ("done", None, 1)
    assert {file: store.path_of(file).stat().st_mtime_ns for file in kept} == kept, "no step was made twice"
    steps = [record.step for record in search_records(store, run.id)]
    assert [step.number for step in steps] == [1, 2, 3, 4]
    assert [len(step.removed) for step in steps] == [1, 2, 3, 4]


def test_a_cancelled_search_keeps_its_steps_and_ends_as_if_nothing_had_been(
    store: Store, jobs: Jobs, long_search: SearchRequest
) -> None:
    request = long_search
    run = jobs.submit(request)
    until(lambda: store.units(run.id))
    asked = time.monotonic()
    jobs.cancel(run.id)
    cancelled = jobs.wait(run.id)
    assert time.monotonic() - asked < 2
    kept = search_records(store, run.id)
    assert cancelled.status == "cancelled"
    assert 1 <= len(kept) < 4, "it was to happen in the middle"

    done = jobs.wait(jobs.submit(request).id)
    assert (done.status, done.attempt) == ("done", 2)
    gone_on = search_records(store, run.id)
    assert gone_on[: len(kept)] == kept
    store.delete_run(run.id)
    whole = search_records(store, jobs.wait(jobs.submit(request).id).id)
    assert [record.step for record in gone_on] == [record.step for record in whole]
    assert whole[-1].step.stop is Stop.REQUESTED


def test_a_cut_is_run_once_for_all_searches(store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec) -> None:
    alone = tuple((block,) for block in range(BLOCKS))
    jobs.wait(jobs.submit(EvaluateRequest(spec, text, "perplexity", ((), *alone))).id)
    greedy = SearchRequest(spec, text, "perplexity", settings_of("greedy"))
    first = search_records(store, jobs.wait(jobs.submit(greedy).id).id)
    assert [(record.cuts, record.recalled) for record in first] == [(5, 5), (3, 0), (2, 0)]
    assert first[0].step.block_runs > 0, "what is remembered does not change what the step says"
    shorter = replace(greedy, settings=SearchSettings(Search.GREEDY, Limits(most=2)))
    run = jobs.wait(jobs.submit(shorter).id)
    assert [record.recalled for record in search_records(store, run.id)] == [5, 3]
    assert sum(unit.tokens for unit in store.units(run.id)) == 0, "the model did not run"
    assert [found.id for found in searches_like(store, greedy)] == [run.id, greedy.run_id()]
    assert searches_like(store, replace(greedy, task="sentiment")) == []
    named = replace(greedy, model=replace(spec, device="cpu"))
    assert named.model.identity() == spec.identity()
    assert [found.id for found in searches_like(store, named)] == [run.id, greedy.run_id()], "it is the same model"
    weights = spec.path / "model.safetensors"
    os.utime(weights, (weights.stat().st_atime, weights.stat().st_mtime + 10))
    try:
        assert searches_like(store, greedy) == [], "it is another model since"
    finally:
        os.utime(weights, (weights.stat().st_atime, weights.stat().st_mtime - 10))


def test_a_search_whose_text_for_importance_is_gone_is_not_listed(
    store: Store, spec: ModelSpec, text: CorpusSpec, tmp_path: Path
) -> None:
    other = write_documents(tmp_path / "other.jsonl", documents=2, characters=20)
    request = SearchRequest(spec, text, "perplexity", settings_of("iterative"), CorpusSpec(str(other)))
    store.start_run(request.run_id(), request.kind, request.to_dict())
    assert [run.id for run in searches_like(store, request)] == [request.run_id()]
    other.unlink()
    assert searches_like(store, replace(request, importance=text)) == []


def test_blocks_that_were_scored_before_are_not_scored_again(
    store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec
) -> None:
    settings = SearchSettings(Search.ITERATIVE, Limits(most=1), AppendixH(1e9), RankSettings(("gbis",)))
    request = SearchRequest(spec, text, "perplexity", settings)
    ranked = RankRequest(spec, text, RankSettings(("gbis",)))
    for part in ranked.parts():
        jobs.wait(jobs.submit(part).id)
    recalled = search_records(store, jobs.wait(jobs.submit(request).id).id)
    fresh_store = Store(str(Path(store.url.removeprefix("sqlite:///")).with_name("fresh.db")))
    fresh_jobs = Jobs(fresh_store, next(iter(jobs._connections)))
    try:
        fresh = search_records(fresh_store, fresh_jobs.wait(fresh_jobs.submit(request).id).id)
    finally:
        fresh_jobs.close()
    assert recalled == fresh, "steps and costs are the same either way"
    assert recalled[0].importance_block_runs > 0


def test_found_cuts_are_judged_on_text_that_was_not_searched_on(
    store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec
) -> None:
    request = SearchRequest(spec, text, "perplexity", settings_of("beam"))
    steps = [record.step for record in search_records(store, jobs.wait(jobs.submit(request).id).id)]
    judged = held_out_request(request, steps, held_out_of(request.corpus))
    assert judged.corpus.part == "evaluate"
    assert judged.cuts == cuts_of(steps)
    assert judged.cuts[0] == ()
    assert outcomes_of(store, judged, steps) == {}
    jobs.wait(jobs.submit(judged).id)
    table = held_out_table(steps, outcomes_of(store, judged, steps))
    assert table["number"].tolist() == [1, 2, 3]
    assert table["removed"].tolist() == [sorted(step.removed) for step in steps]

    model = wrap(tiny_network(BLOCKS), tiny_tokenizer())
    held_out = make_windows(read_corpus(judged.corpus), model.tokenizer)
    here = Problem(BLOCKS, perplexity_scorer(model, make_batches(held_out, 0)))
    for row, step in zip(table.itertuples(), steps, strict=True):
        trial = here.score([tuple(sorted(step.removed))], None)
        after = here.metric.summarise(next(iter(trial.frames.values())))
        assert row.value == pytest.approx(after.value, rel=1e-5)
        assert row.retained == pytest.approx(trial.unpruned.value / after.value, rel=1e-5)
        assert row.search_value == step.evaluation.value
        assert row.search_value != pytest.approx(row.value, rel=1e-6)


def test_a_search_can_go_by_another_task(store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec) -> None:
    sentences = CorpusSpec("sample:sentiment", part="profile", max_examples=12)
    settings = SearchSettings(Search.ITERATIVE, Limits(most=1), AppendixH(delta=1.0), RankSettings(("magnitude",)))
    request = SearchRequest(spec, sentences, "sentiment", settings, importance=text)
    run = jobs.wait(jobs.submit(request).id)
    assert (run.status, run.error) == ("done", None)
    (record,) = search_records(store, run.id)
    assert (record.step.attempt.metric, record.step.attempt.n) == ("accuracy", 12)
    examples = store.evaluation(request.evaluation().evaluation_key(record.step.removed)).examples  # type: ignore[union-attr]
    assert record.step.attempt.value == pytest.approx(examples["correct"].mean())
    assert record.step.cumulative_loss == pytest.approx(record.step.unpruned.value - record.step.attempt.value)


def test_a_model_that_cannot_be_scored_again_is_refused_before_the_search(text: CorpusSpec) -> None:
    network = build("gpt2", blocks=BLOCKS)
    network.config.scale_attn_by_inverse_layer_idx = True
    model = wrap(type(network)(network.config).eval(), tiny_tokenizer())
    rank = RankSettings(("block_influence",))
    again, once = (SearchSettings(rule=AppendixH(again=again), rank=rank) for again in (True, False))
    with pytest.raises(ModelError, match="compute it once"):
        SearchWork().check(SearchRequest(ModelSpec("owner/name"), text, "perplexity", again), model)
    SearchWork().check(SearchRequest(ModelSpec("owner/name"), text, "perplexity", once), model)
    alone = replace(again, limits=Limits(most=1))  # nothing is scored after the only removal
    SearchWork().check(SearchRequest(ModelSpec("owner/name"), text, "perplexity", alone), model)


def test_a_profile_is_no_search(store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec) -> None:
    evaluated = jobs.submit(EvaluateRequest(spec, text, "perplexity", ((),)))
    with pytest.raises(RunError, match="of kind evaluate, not a search"):
        search_records(store, evaluated.id)
    jobs.wait(evaluated.id)


def test_pages_and_shell_read_searches_without_torch() -> None:
    modules = "avss_core.jobs.search_results, avss_core.figures.search, pages.search"
    code = f"import sys; import {modules}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
