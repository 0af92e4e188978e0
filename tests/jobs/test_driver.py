"""The driver of a run, in this process: what it makes sure of before it begins, and while it waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_model import save_tiny_model, write_documents

from avss_core.corpora import CorpusSpec
from avss_core.errors import Cancelled
from avss_core.jobs import EvaluateRequest, driver, resident
from avss_core.jobs.job import Job
from avss_core.jobs.requests import ExportRequest, Request
from avss_core.models import ModelSpec
from avss_core.runs import Run, Store


@pytest.fixture
def asked(tiny_model: Path, tmp_path: Path) -> EvaluateRequest:
    text = write_documents(tmp_path / "text.jsonl", documents=4, characters=60)
    model = ModelSpec(str(tiny_model), dtype="float32", device="cpu")
    return EvaluateRequest(model, CorpusSpec(str(text), part="all"), "perplexity", ((),))


@pytest.fixture
def drive(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Carry a request out; `say` hears its words and may raise, `look` is asked whether to stop and may raise, `after`
    is called when the last unit is done."""

    def drive(
        request: Request,
        say: Callable[[str], None] = lambda stage: None,
        look: Callable[[], None] = lambda: None,
        after: Callable[[], object] = lambda: None,
    ) -> Run:
        def give_out(job: Job, missing: list[int], *_: object) -> None:
            for number in missing:
                driver.work_unit(job, number)
            after()

        told = SimpleNamespace(say=say, stop_if_asked=look, count=lambda tokens: None, tokens=1)
        monkeypatch.setattr(driver, "Reporter", lambda job, unit=None: told)
        monkeypatch.setattr(driver, "_give_out", give_out)
        run = store.start_run(request.run_id(), request.kind, request.to_dict())
        assert run is not None
        driver.drive(Job.of(run, store))
        return store.run(run.id)

    return drive


def test_a_text_that_is_edited_when_its_last_shard_is_done_leaves_the_values_under_the_old_one(
    store: Store, asked: EvaluateRequest, drive: Callable[..., Run]
) -> None:
    key = asked.evaluation_key(())
    run = drive(asked, after=lambda: write_documents(Path(asked.corpus.source), documents=5, characters=60, seed=1))
    assert (run.status, run.error) == ("done", None)
    edited = replace(asked)
    assert edited.evaluation_key(()) != key
    assert (store.has_evaluation(key), store.has_evaluation(edited.evaluation_key(()))) == (True, False)


def test_a_run_that_is_cancelled_while_it_waits_leaves_the_model_in_use_where_it_is(
    asked: EvaluateRequest, drive: Callable[..., Run], tmp_path: Path
) -> None:
    other = ModelSpec(str(save_tiny_model(tmp_path / "other")), dtype="float32", device="cpu")
    in_use = resident.resident_model(other)
    said: list[str] = []

    def stop() -> None:  # it is asked for while others are at work
        raise Cancelled("The job was cancelled.")

    assert drive(asked, said.append, stop).status == "cancelled"
    assert said == ["loading the model"]
    assert resident.resident_model(other) is in_use


def test_a_unit_that_is_cancelled_while_it_waits_loads_nothing(asked: EvaluateRequest, tmp_path: Path) -> None:
    other = ModelSpec(str(save_tiny_model(tmp_path / "other")), dtype="float32", device="cpu")
    in_use = resident.resident_model(other)

    def stop() -> None:
        raise Cancelled("The job was cancelled.")

    with pytest.raises(Cancelled), resident.side_by_side(asked.model, stop):
        pass
    assert resident.resident_model(other) is in_use


def test_an_export_that_is_cancelled_at_its_very_end_finds_its_own_folder(
    asked: EvaluateRequest, drive: Callable[..., Run], tmp_path: Path
) -> None:
    export = ExportRequest(asked.model, asked.corpus, (1,), "by hand", str(tmp_path / "out"))

    def say(stage: str) -> None:
        if stage == "summing up":
            raise Cancelled("The job was cancelled.")

    assert drive(export, say).status == "cancelled"
    assert (tmp_path / "out" / "config.json").is_file()
    again = drive(export)
    assert (again.status, again.error) == ("done", None)
