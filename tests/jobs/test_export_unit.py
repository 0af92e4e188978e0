"""What an export leaves in the store when something comes in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from avss_core.corpora import CorpusSpec
from avss_core.errors import Cancelled, ResourceError
from avss_core.jobs.requests import ExportRequest
from avss_core.jobs.works import export
from avss_core.jobs.works.base import Turn
from avss_core.jobs.works.export import ExportWork
from avss_core.models import ModelSpec
from avss_core.runs import Store


@pytest.fixture
def request_(tiny_model: Path) -> ExportRequest:
    return ExportRequest(ModelSpec(str(tiny_model), dtype="float32", device="cpu"), CorpusSpec(), (1,), "by hand")


def turn_of(store: Store, stop_at: str = "") -> Turn:
    def say(stage: str) -> None:
        if stage == stop_at:
            raise Cancelled("enough")

    return Turn(0, "run", store, count=lambda tokens: None, say=say)


@pytest.mark.parametrize("stage", ["loading it again and comparing", "packing the zip"])
def test_a_cancelled_export_leaves_nothing(store: Store, request_: ExportRequest, stage: str) -> None:
    with pytest.raises(Cancelled):
        ExportWork().run(request_, turn_of(store, stage))
    assert list(store.folder.rglob("*.safetensors")) == []


def test_without_room_for_the_zip_there_is_no_folder_either(
    store: Store, request_: ExportRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_folder: Path) -> None:
        raise ResourceError("The disk is full.")

    monkeypatch.setattr(export, "zip_export", full)
    with pytest.raises(ResourceError):
        ExportWork().run(request_, turn_of(store))
    assert list(store.folder.rglob("*.safetensors")) == []


def test_what_an_earlier_attempt_left_is_replaced(store: Store, request_: ExportRequest) -> None:
    left = store.folder / "run" / "tiny-2-of-3-blocks"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_text("half of it")
    (left / "stray").write_text("")
    half_done = left.with_name(f".{left.name}.part-0123abcd")  # of a worker that was killed while it wrote
    half_done.mkdir()
    half_zip = left.with_name(f".{left.name}.zip.part-0123abcd")
    half_zip.write_text("")
    ExportWork().run(request_, turn_of(store))
    assert (left / "model.safetensors").stat().st_size > 1000
    assert not (left / "stray").exists()
    assert {file.name for file in left.parent.iterdir()} == {left.name, f"{left.name}.zip"}
