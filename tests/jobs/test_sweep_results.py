"""What is read of a sweep, finished or under way, from values laid into a store by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from known_losses import KnownLosses

from avss_core.corpora import CorpusSpec
from avss_core.errors import RunError
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.results import begun, outcome_in, still_to_do
from avss_core.jobs.sweep_results import (
    facts_in,
    paired_outcomes,
    plain_outcomes,
    sweep_answer,
    values_in,
    values_so_far,
)
from avss_core.models import ModelSpec
from avss_core.pruning.sweep import Blocks, OutcomeOf, plan_sweep, random_table, sweep_table
from avss_core.runs import Run, Store
from avss_core.tasks import task_named
from avss_core.variants import Variant

N = 6
FACTS = {"blocks": N, "block_parameters": [10] * N, "parameters": 100}
ORDER = [4, 1, 2, 0, 3, 5]
KNOWN = KnownLosses(lambda removed: 2 + 0.1 * len(removed) + 0.02 * sum(removed))


@pytest.fixture
def request_of(tmp_path: Path) -> EvaluateRequest:
    return EvaluateRequest(ModelSpec(source=str(tmp_path)), CorpusSpec(part="evaluate"), "perplexity", ((),))


def started(store: Store, request: EvaluateRequest, cuts: Iterable[Blocks]) -> tuple[EvaluateRequest, Run]:
    asked = EvaluateRequest(request.model, request.corpus, request.task, tuple(cuts))
    run = store.start_run(asked.run_id(), asked.kind, asked.to_dict(), FACTS)
    assert run is not None
    return asked, run


def evaluate(store: Store, request: EvaluateRequest, cuts: Iterable[Blocks]) -> None:
    """What a finished run of these cuts leaves in the store."""
    asked, run = started(store, request, cuts)
    for cut in asked.cuts:
        frame = KNOWN.frame(cut)
        result = task_named("perplexity").summarise(frame).to_dict()
        kept = Variant.without(N, cut).kept
        store.add_evaluation(asked.evaluation_key(cut), run.id, kept, result, frame)
    store.end_run(run.id, run.attempt, "done")


def finish_shard(store: Store, run: Run, number: int) -> None:
    """Shard 0 holds document 0, shard 1 document 1."""
    cuts = [tuple(cut) for cut in run.spec["cuts"]]
    rows = pd.concat([KNOWN.frame(cut).assign(kept=Variant.without(N, cut).key) for cut in cuts])
    store.add_unit(run.id, number, 20, 0.1, rows[rows["document"] == number].to_parquet)


def perplexity(cut: Blocks, more: float = 0.0) -> float:
    return math.exp(KNOWN.loss(frozenset(cut)) + more)


def test_plain_outcomes_are_the_values_of_paired_ones(store: Store, request_of: EvaluateRequest) -> None:
    sweep = plan_sweep({"a": ORDER}, N, 0.5, draws=3)
    evaluate(store, request_of, sweep.cuts)
    values = values_in(store, request_of, [*sweep.cuts, (0, 1, 2, 3)])
    assert values.keys() == set(sweep.cuts)
    plain, paired = plain_outcomes(values, FACTS), paired_outcomes(store, request_of)
    for cut in sweep.cuts:
        one, other, alone = plain(cut, "a"), paired(cut, "a"), outcome_in(store, request_of, cut, "a")
        assert one is not None
        assert other is not None
        assert one.after.value == pytest.approx(perplexity(cut))
        assert one.retained == pytest.approx(perplexity(()) / perplexity(cut))
        assert other.to_dict() == alone.to_dict()
        assert (one.before, one.after, one.reduction) == (other.before, other.after, other.reduction)
        assert math.isnan(one.retained_low)
    assert plain((0, 1, 2, 3), "a") is None
    assert paired((0, 1, 2, 3), "a") is None
    assert (facts_in(store, request_of) or {})["blocks"] == N


def test_nothing_is_known_without_the_unpruned_model(store: Store, request_of: EvaluateRequest) -> None:
    evaluate(store, request_of, [(1,)])
    values = values_in(store, request_of, [(), (1,)])
    assert values.keys() == {(1,)}
    assert facts_in(store, request_of) is None
    assert plain_outcomes(values, FACTS)((1,), "a") is None
    assert paired_outcomes(store, request_of)((1,), "a") is None


def test_values_of_another_text_and_of_a_changed_model_are_left_out(
    store: Store, request_of: EvaluateRequest, tmp_path: Path
) -> None:
    evaluate(store, request_of, [(), (1,)])
    other = EvaluateRequest(request_of.model, CorpusSpec(part="profile"), "perplexity", ((),))
    assert values_in(store, other, [(), (1,)]) == {}
    assert values_in(store, request_of, [(), (1,)]).keys() == {(), (1,)}
    (tmp_path / "config.json").write_text("{}")  # the model's folder is not what it was
    assert values_in(store, replace(request_of), [(), (1,)]) == {}
    assert values_in(store, request_of, [(), (1,)]).keys() == {(), (1,)}, "what was asked for before keeps its name"


def test_a_sweep_that_was_started_again_is_read_before_its_model_is_loaded(
    store: Store, request_of: EvaluateRequest
) -> None:
    asked, run = started(store, request_of, [(), (1,)])
    finish_shard(store, run, 0)
    store.end_run(run.id, run.attempt, "cancelled")
    before = values_so_far(store, store.run(run.id))
    again = store.start_run(asked.run_id(), asked.kind, asked.to_dict())
    assert again is not None
    assert "blocks" not in again.facts
    with pytest.raises(RunError, match="has not loaded its model yet"):
        values_so_far(store, again)
    evaluate(store, request_of, [(2,)])  # another run of the same model knows
    found = values_so_far(store, again)
    assert {cut: each.value for cut, each in found.items()} == {cut: each.value for cut, each in before.items()}
    assert before.keys() == {(), (1,)}


def test_a_lost_model_has_an_infinite_perplexity(store: Store, request_of: EvaluateRequest) -> None:
    asked, run = started(store, request_of, [(), (1,)])
    frame = pd.DataFrame({"document": [0, 1], "nll": [2e4, 1e4], "tokens": [10, 10]})
    for cut, table in (((), KNOWN.frame(())), ((1,), frame)):
        result = task_named("perplexity").summarise(table).to_dict()
        store.add_evaluation(asked.evaluation_key(cut), run.id, Variant.without(N, cut).kept, result, table)
    store.end_run(run.id, run.attempt, "done")
    found = plain_outcomes(values_in(store, request_of, asked.cuts), FACTS)((1,), "a")
    assert found is not None
    assert (found.after.value, found.retained) == (math.inf, 0.0)


def so_far(store: Store, run: Run) -> OutcomeOf:
    return plain_outcomes(values_so_far(store, run), run.facts)


def test_a_sweep_under_way_is_estimated_from_its_finished_shards(store: Store, request_of: EvaluateRequest) -> None:
    sweep = plan_sweep({"a": ORDER}, N, 0.34, draws=3)
    _, run = started(store, request_of, sweep.cuts)
    assert values_so_far(store, run) == {}
    assert sweep_table(sweep, so_far(store, run)).empty

    finish_shard(store, run, 0)
    first = sweep_table(sweep, so_far(store, run))
    # Document 0 lies 0.3 nats above the mean, before as after.
    assert first["value"].tolist() == pytest.approx([perplexity(cut, 0.3) for cut in sweep.methods["a"]])
    assert first["retained"].tolist() == pytest.approx([perplexity(()) / perplexity(cut) for cut in sweep.methods["a"]])
    assert first["low"].isna().all()
    assert random_table(sweep, so_far(store, run))["removed"].tolist() == [1, 2]

    finish_shard(store, run, 1)
    both = sweep_table(sweep, so_far(store, run))
    assert both["value"].tolist() == pytest.approx([perplexity(cut) for cut in sweep.methods["a"]])


def test_before_and_after_are_read_on_the_same_documents(store: Store, request_of: EvaluateRequest) -> None:
    evaluate(store, request_of, [()])
    _, run = started(store, request_of, [(4,), (1, 4)])
    finish_shard(store, run, 1)
    outcome = so_far(store, run)
    found, before = outcome((1, 4), "a"), outcome((), "a")
    assert found is not None
    assert before is not None
    assert found.before.value == before.after.value == pytest.approx(perplexity((), -0.1))
    assert found.retained == pytest.approx(perplexity(()) / perplexity((1, 4)))
    assert outcome((2,), "a") is None


def test_the_answer_has_values_and_what_is_retained(store: Store, request_of: EvaluateRequest) -> None:
    sweep = plan_sweep({"a": ORDER}, N, 0.34, draws=4)
    evaluate(store, request_of, sweep.cuts)
    chance = plain_outcomes(values_in(store, request_of, sweep.cuts), FACTS)
    said = sweep_answer(sweep, paired_outcomes(store, request_of), chance)
    assert [(row["method"], row["removed"], row["blocks"]) for row in said["rows"]] == [
        ("a", 0, []),
        ("a", 1, [4]),
        ("a", 2, [1, 4]),
    ]
    assert [row["value"] for row in said["rows"]] == pytest.approx([perplexity(cut) for cut in sweep.methods["a"]])
    assert all(row["low"] <= row["value"] <= row["high"] for row in said["rows"])
    values = sorted(perplexity(cut) for cut in sweep.random[2])
    band = said["random"][1]
    assert (band["low"], band["high"]) == pytest.approx((values[0], values[-1]))
    assert band["retained_low"] == pytest.approx(perplexity(()) / values[-1])
    assert (said["block_runs"], said["block_runs_naive"]) == (sweep.block_runs, sweep.block_runs_naive)


def test_files_are_looked_at_once_a_request(request_of: EvaluateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    whole = ModelSpec.identity

    def identity(spec: ModelSpec) -> str:
        looked.append(spec.source)
        return whole(spec)

    monkeypatch.setattr(ModelSpec, "identity", identity)
    keys = {request_of.evaluation_key((block,)) for block in range(N)}
    assert (len(keys), len(looked)) == (N, 1)
    assert EvaluateRequest.from_dict(request_of.to_dict()) == request_of
    assert replace(request_of).evaluation_key((1,)) in keys
    assert len(looked) == 2


@pytest.mark.parametrize(
    ("known", "found"), [(((), (1, 2)), True), (((),), False), (((), (1,), (1, 2)), False)], ids=str
)
def test_cuts_whose_run_was_broken_off_are_gone_on_with(
    store: Store, request_of: EvaluateRequest, known: tuple[Blocks, ...], found: bool
) -> None:
    asked, run = started(store, request_of, ((), (1,), (2, 1)))
    store.end_run(run.id, run.attempt, "cancelled")
    evaluate(store, request_of, (*known, (5,)))  # and one that was never asked of the other
    left = still_to_do(store, replace(request_of, cuts=((), (1,))))
    assert begun(store, left) == (asked if found else None)
    elsewhere = replace(left, corpus=replace(left.corpus, max_tokens=500))
    assert begun(store, elsewhere) is None
