"""Jobs that run through: what they leave in the store is what the same computation gives in this process."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import tiny_network, tiny_tokenizer, write_documents

from avss_core.activations.measure import measure
from avss_core.activations.moments import Profile, merge_profiles
from avss_core.corpora import CorpusSpec, make_windows, part_of, read_corpus, shard_windows
from avss_core.errors import RunError
from avss_core.jobs import EvaluateRequest, Jobs, ProfileRequest
from avss_core.jobs.job import topic_of
from avss_core.jobs.results import evaluated_cuts, finished_profile, outcome_in, profile_shards, still_to_do
from avss_core.models import ModelSpec
from avss_core.models.load import wrap
from avss_core.runs import Store


@pytest.fixture
def text(tmp_path: Path) -> CorpusSpec:
    """About 6,000 tokens, half of them to profile: several shards on either side."""
    return CorpusSpec(str(write_documents(tmp_path / "text.jsonl", documents=20, characters=300)), length=128)


@pytest.fixture
def spec(tiny_model: Path) -> ModelSpec:
    return ModelSpec(str(tiny_model), dtype="float32")


def assert_same(found: Profile, expected: Profile, rtol: float) -> None:
    assert found.sites.keys() == expected.sites.keys()
    for site, moments in found.sites.items():
        other = expected.sites[site]
        np.testing.assert_array_equal(moments.tokens, other.tokens)
        for name in ("mean", "m2", "abs_sum", "l2_sum", "frobenius_sum"):
            scale = np.abs(getattr(other, name)).max()
            np.testing.assert_allclose(getattr(moments, name), getattr(other, name), rtol=rtol, atol=rtol * scale)


def test_a_profile_is_what_measuring_here_gives(store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec) -> None:
    run = jobs.wait(jobs.submit(ProfileRequest(spec, text)).id)
    assert (run.status, run.error) == ("done", None)

    model = wrap(tiny_network(), tiny_tokenizer())
    windows = make_windows(read_corpus(text), model.tokenizer)
    shards = shard_windows(windows)
    assert len(shards) >= 3, "the text has to make several shards for this test to say anything"
    merged = merge_profiles(finished_profile(store, run.id))
    assert_same(merged, merge_profiles([measure(model, shard) for shard in shards]), rtol=1e-9)
    assert_same(merged, measure(model, windows), rtol=1e-4)

    assert run.n_units == len(shards) == len(store.units(run.id))
    assert run.facts["tokens"] == sum(map(len, windows)) == sum(unit.tokens for unit in store.units(run.id))
    assert run.facts["documents"] == len({window.document for window in windows})
    assert (run.facts["blocks"], run.facts["dtype"], run.facts["device"]) == (3, "float32", "cpu")
    assert run.facts["parameters"] == sum(parameter.numel() for parameter in tiny_network().parameters())


def test_asking_again_is_free(store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec) -> None:
    request = ProfileRequest(spec, text, ("residual",))
    first = jobs.wait(jobs.submit(request).id)
    files = {unit.file: store.path_of(unit.file).stat().st_mtime_ns for unit in store.units(first.id)}
    assert jobs.submit(request) == first
    assert {file: store.path_of(file).stat().st_mtime_ns for file in files} == files
    other_order = ProfileRequest(spec, text, ("update", "residual"))
    assert other_order.run_id() == ProfileRequest(spec, text, ("residual", "update")).run_id()
    assert other_order.run_id() != first.id


def perplexity_here(text: CorpusSpec) -> tuple[float, int]:
    """exp(mean loss) by the network's own loss, a window at a time."""
    network, tokenizer = tiny_network(), tiny_tokenizer()
    total, predicted = 0.0, 0
    for window in make_windows(read_corpus(text), tokenizer):
        ids = torch.tensor([window.ids])
        with torch.inference_mode():
            total += float(network(input_ids=ids, labels=ids).loss) * (len(window) - 1)
        predicted += len(window) - 1
    return math.exp(total / predicted), predicted


def test_an_evaluation_is_what_the_network_says_here(
    store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec
) -> None:
    held_out = text.of_part("evaluate")
    request = EvaluateRequest(spec, held_out, "perplexity", ((), (1,), (0, 2)))
    run = jobs.wait(jobs.submit(request).id)
    assert (run.status, run.error) == ("done", None)
    outcome = outcome_in(store, request, (0, 2), "by hand").to_dict()
    expected, predicted = perplexity_here(held_out)
    assert outcome["before"]["value"] == pytest.approx(expected, rel=1e-5)
    assert outcome["before"]["n"] == sum(
        part_of(document.id) == "evaluate" for document in read_corpus(held_out).documents
    )
    assert (outcome["kept"], outcome["removed"]) == ([1], [0, 2])
    assert outcome["retained"] == pytest.approx(outcome["before"]["value"] / outcome["after"]["value"])
    assert evaluated_cuts(store, request) == {(), (1,), (0, 2)}
    kept = store.evaluation(request.evaluation_key((1,)))
    assert kept is not None
    assert kept.examples["tokens"].sum() == predicted


def test_what_was_evaluated_is_not_evaluated_again(store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec) -> None:
    first = EvaluateRequest(spec, text.of_part("evaluate"), "perplexity", ((), (1,)))
    jobs.wait(jobs.submit(first).id)
    wider = EvaluateRequest(first.model, first.corpus, first.task, ((), (1,), (2,)))
    left = still_to_do(store, wider)
    assert left.cuts == ((2,),)
    with pytest.raises(RunError, match=r"\[2\] has not been evaluated"):
        outcome_in(store, wider, (2,), "by hand")
    before = store.evaluation(first.evaluation_key(()))
    jobs.wait(jobs.submit(left).id)
    assert outcome_in(store, wider, (2,), "by hand").cut.removed == (2,)
    after = store.evaluation(first.evaluation_key(()))
    assert before is not None
    assert after is not None
    assert (after.run, after.result) == (before.run, before.result)
    assert still_to_do(store, wider).cuts == ()


def test_progress_is_heard_by_those_who_come_late(jobs: Jobs, workers: str, spec: ModelSpec, text: CorpusSpec) -> None:
    run = jobs.wait(jobs.submit(ProfileRequest(spec, text)).id)
    early = jobs.progress(run.id)
    other = Jobs(jobs.store, workers)
    try:
        late = other.progress(run.id)
    finally:
        other.close()
    assert early == late
    assert early is not None
    assert (early.stage, early.tokens) == ("summing up", run.facts["tokens"])
    assert run.created <= early.when <= (run.finished or 0)


def test_the_same_request_from_several_at_once_runs_once(
    store: Store, workers: str, spec: ModelSpec, text: CorpusSpec
) -> None:
    askers = [Jobs(Store(store.url), workers) for _ in range(3)]
    together, request = threading.Barrier(3), ProfileRequest(spec, text)
    ended = []

    def ask(jobs: Jobs) -> None:
        together.wait()
        ended.append(jobs.wait(jobs.submit(request).id))

    threads = [threading.Thread(target=ask, args=(jobs,)) for jobs in askers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [(run.status, run.attempt) for run in ended] == [("done", 1)] * 3
    client = askers[0]._connections[workers]._client
    messages = [message for _, message in client.get_events(topic_of(ended[0]))]
    assert [message["stage"] for message in messages].count("loading the model") == 1
    for jobs in askers:
        jobs.close()


def test_paths_mean_the_same_to_workers_elsewhere(
    store: Store, jobs: Jobs, tiny_model: Path, text: CorpusSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model.parent)  # the workers were started in another folder
    run = jobs.wait(jobs.submit(ProfileRequest(ModelSpec("./tiny"), text, ("residual",))).id)
    assert (run.status, run.spec["model"]["source"]) == ("done", str(tiny_model))
    assert len(profile_shards(store, run.id)) == run.n_units
    with pytest.raises(RunError, match="not a profile"):
        profile_shards(
            store, jobs.wait(jobs.submit(EvaluateRequest(ModelSpec("./tiny"), text, "perplexity", ((),))).id).id
        )
