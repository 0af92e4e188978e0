"""Units of one run at work at the same time: that they are, what their seconds are, and how such a run ends early."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
import torch
from tiny_model import write_documents

from avss_core.activations.measure import measure
from avss_core.activations.parquet import write_profile
from avss_core.corpora import CorpusSpec
from avss_core.importance.stability import STABLE, set_stability
from avss_core.jobs import Jobs, ProfileRequest, resident
from avss_core.jobs.job import topic_of
from avss_core.jobs.lanes import LANES
from avss_core.jobs.results import finished_profile
from avss_core.models import ModelSpec
from avss_core.models.loaded import LoadedModel
from avss_core.runs import Store

pytestmark = pytest.mark.skipif(LANES < 2, reason="this machine has one processor, so units follow one another")


@pytest.fixture
def text(tmp_path: Path) -> CorpusSpec:
    """About 40 shards."""
    file = write_documents(tmp_path / "text.jsonl", documents=160, characters=280)
    return CorpusSpec(str(file), part="all", length=256)


@pytest.fixture
def spec(tiny_model: Path) -> ModelSpec:
    return ModelSpec(str(tiny_model), dtype="float32", device="cpu")


def test_units_overlap_and_their_seconds_add_up_to_the_time_of_the_run(
    store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec
) -> None:
    from distributed import Client

    run = jobs.wait(jobs.submit(ProfileRequest(spec, text)).id)
    assert (run.status, run.error) == ("done", None)
    with Client(run.facts["scheduler"]) as client:
        said = [message["unit"] for _, message in client.get_events(topic_of(run)) if message["unit"] is not None]
    first, last = {}, {}
    for place, unit in enumerate(said):
        first.setdefault(unit, place)
        last[unit] = place
    assert any(first[one] < first[other] < last[one] for one in first for other in first if one != other)
    units = store.units(run.id)
    assert len(units) == run.n_units > 10
    assert sum(unit.seconds for unit in units) < (run.seconds or 0.0)


def test_a_run_that_is_stable_ends_early_and_stays_as_it_ended(
    store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec
) -> None:
    run = jobs.wait(jobs.submit(ProfileRequest(spec, text, stop_when_stable=0.34)).id)
    assert (run.status, run.error) == ("done", None)
    units = store.units(run.id)
    assert 4 <= len(units) < (run.n_units or 0)
    assert run.facts["stopped_after"] == len(units)
    assert set_stability(finished_profile(store, run.id), 0.34, "residual") >= STABLE
    store.add_unit(run.id, 999, 1, 1.0, lambda path: path.write_bytes(b"late"))
    assert store.units(run.id) == units


def test_a_stable_run_that_lost_a_shard_measures_it_again(
    store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec
) -> None:
    asked = ProfileRequest(spec, text, stop_when_stable=0.34)
    run = store.start_run(asked.run_id(), asked.kind, asked.to_dict())
    assert run is not None
    shards = resident.shards_for(spec, text)
    for number in (0, 1):
        write = partial(write_profile, measure(resident.resident_model(spec), shards[number], asked.sites))
        store.add_unit(run.id, number, 1, 0.1, write)
    store.end_run(run.id, run.attempt, "cancelled")
    lost = store.path_of(store.units(run.id)[0].file)
    lost.unlink()
    ended = jobs.wait(jobs.submit(asked).id)
    assert (ended.status, ended.error) == ("done", None)
    assert lost.is_file()


def test_a_stable_run_that_is_done_measures_a_shard_again_that_it_lost_since(
    store: Store, jobs: Jobs, spec: ModelSpec, text: CorpusSpec
) -> None:
    asked = ProfileRequest(spec, text, stop_when_stable=0.34)
    run = jobs.wait(jobs.submit(asked).id)
    lost = store.path_of(store.units(run.id)[0].file)
    lost.unlink()
    again = jobs.wait(jobs.submit(asked).id)
    assert (again.status, again.error, again.attempt) == ("done", None, 2)
    assert lost.is_file()
    assert store.find_done(run.id) is not None


def test_each_thread_has_its_own_network_and_its_share_of_torchs_threads(spec: ModelSpec) -> None:
    everywhere = torch.get_num_threads()
    both_inside = Barrier(LANES, timeout=30)

    def one(_number: int) -> tuple[LoadedModel, int]:
        with resident.side_by_side(spec):
            both_inside.wait()
            return resident.resident_model(spec), torch.get_num_threads()

    with ThreadPoolExecutor(LANES) as pool:
        found = list(pool.map(one, range(LANES)))
    assert len({id(model.network) for model, _ in found}) == LANES
    assert len({model.network.get_input_embeddings().weight.data_ptr() for model, _ in found}) == 1
    assert {threads for _, threads in found} == {max(1, everywhere // LANES)}
    with resident.alone():
        assert torch.get_num_threads() == everywhere


def test_a_model_that_cannot_be_copied_is_used_by_one_thread_at_a_time(
    spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_model: LoadedModel) -> LoadedModel:
        raise TypeError("cannot pickle '_thread.lock' object")

    monkeypatch.setattr(resident, "twin_of", refuse)
    monkeypatch.setattr(resident, "_resident", {})
    monkeypatch.setattr(resident, "_without_twins", set())
    inside = 0

    def one(_number: int) -> None:
        nonlocal inside
        with resident.side_by_side(spec):
            inside += 1
            assert resident.at_work() == inside == 1
            resident.resident_model(spec)
            inside -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(20)))
