"""What the steps of iterative pruning keep for one another in the process that makes them, and how long."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_this_process import work_unit
from tiny_model import save_tiny_model, write_documents

from avss_core.corpora import CorpusSpec
from avss_core.corpora.batches import make_batches
from avss_core.errors import Cancelled
from avss_core.importance import RankSettings
from avss_core.jobs import SearchRequest
from avss_core.jobs.resident import beside, resident_model, shards_for
from avss_core.jobs.search_results import costs_of, search_records
from avss_core.models import ModelSpec
from avss_core.pruning.search import AppendixH, Search, SearchSettings, StepRecord
from avss_core.runs import Store

BLOCKS = 6


@pytest.fixture
def request_(tmp_path: Path) -> SearchRequest:
    spec = ModelSpec(str(save_tiny_model(tmp_path / "model", blocks=BLOCKS)), dtype="float32")
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", documents=24, characters=128)), length=64)
    rule = AppendixH(delta=0.0, convergence=0.0)  # many blocks are put back
    return SearchRequest(spec, text, "perplexity", SearchSettings(rule=rule, rank=RankSettings(("magnitude",))))


def make_step(request: SearchRequest, store: Store, number: int, cancel_at: int | None = None) -> StepRecord:
    said = 0

    def say(_stage: str) -> None:
        nonlocal said
        said += 1
        if said == cancel_at:
            raise Cancelled("The job was cancelled.")

    work_unit(store, request, number, say)
    return search_records(store, request.run_id())[-1]


def test_a_step_runs_the_blocks_that_it_says_and_the_last_leaves_nothing(store: Store, request_: SearchRequest) -> None:
    request = request_
    model, shards = resident_model(request.model), shards_for(request.model, request.corpus)
    batches = sum(len(make_batches(shard, model.tokenizer.pad_token_id)) for shard in shards)  # type: ignore[arg-type]
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    store.add_facts(run.id, run.attempt, blocks=BLOCKS)
    assert beside(request.model) == {}
    calls: list[int] = []
    for number in range(BLOCKS):
        handles = [block.register_forward_hook(lambda *_: calls.append(1)) for block in model.blocks]
        calls.clear()
        record = make_step(request, store, number)
        for handle in handles:
            handle.remove()
        looks = 2 if number == 0 else 0  # at a block's answer, before anything runs
        assert 0 <= len(calls) - batches * record.step.block_runs <= looks
        if record.step.stop is not None:
            break
        assert len(beside(request.model)) == 1
    assert record.step.number > 2
    assert beside(request.model) == {}
    costs = costs_of(search_records(store, run.id))
    assert costs["block_runs"] < 0.8 * costs["block_runs_naive"]


def test_a_search_that_is_broken_off_holds_no_memory_and_ends_the_same(store: Store, request_: SearchRequest) -> None:
    request, records = request_, []
    for broken_off in (False, True):
        run = store.start_run(request.run_id(), request.kind, request.to_dict())
        assert run is not None
        store.add_facts(run.id, run.attempt, blocks=BLOCKS)
        for number in range(BLOCKS):
            if broken_off and number == 2:
                assert beside(request.model) != {}
                with pytest.raises(Cancelled):
                    make_step(request, store, number, cancel_at=2)
                assert beside(request.model) == {}
            record = make_step(request, store, number)
            if record.step.stop is not None:
                break
        records.append([record.step for record in search_records(store, run.id)])
        store.end_run(run.id, run.attempt, "cancelled")
        store.delete_run(run.id)
    assert records[0] == records[1]
    assert len(records[0]) > 3


def test_greedy_search_keeps_nothing(store: Store, request_: SearchRequest) -> None:
    request = SearchRequest(request_.model, request_.corpus, "perplexity", SearchSettings(Search.GREEDY))
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    make_step(request, store, 0)
    assert beside(request.model) == {}
