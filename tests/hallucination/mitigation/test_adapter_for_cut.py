"""Renumbering an adapter whose configuration names its modules by the ends of their names, as peft may write it."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.commands.adapter import check_adapter, take_adapter
from avss_core.errors import CutError, ResourceError, RunError, SettingError
from avss_core.hallucination.mitigation import MitigationSettings
from avss_core.hallucination.mitigation.for_cut import adapter_for_cut
from avss_core.hallucination.mitigation.teach import ContrastiveTraining, Told
from avss_core.models.load import LoadedModel, wrap
from avss_core.runs import Run, Store
from avss_core.variants.physical import pruned_network

KEPT = (0, 2, 3)


@pytest.fixture
def model() -> LoadedModel:
    return wrap(tiny_network(blocks=4), tiny_tokenizer())


@pytest.fixture
def store(tmp_path: Path, model: LoadedModel) -> Store:
    """With a run whose adapter trained blocks 1 and 3."""
    random = np.random.default_rng(0)
    told = [Told((5, 6, 7), tuple(random.integers(2, 200, 3).tolist()), row % 2 == 0) for row in range(8)]
    settings = MitigationSettings(steps=3, answers=4, rank=4, learning_rate=1e-2)
    training = ContrastiveTraining(model, told, (1, 3), settings)
    for _ in training.steps():
        pass
    store = Store(str(tmp_path / "runs.db"))
    store.start_run("r", "mitigate", {}, {"blocks": 4, "blocks_path": model.blocks_path})
    training.adapter().save(store.folder / "r" / "adapter")
    return store


def logits_with(model: LoadedModel, folder: Path) -> torch.Tensor:
    adapted = PeftModel.from_pretrained(pruned_network(model, KEPT), str(folder))
    with torch.no_grad():
        return adapted(torch.tensor([[5, 6, 7, 8, 9]])).logits


def test_shortened_names_lead_to_the_same_blocks(model: LoadedModel, store: Store, tmp_path: Path) -> None:
    source = store.folder / "r" / "adapter"
    whole = adapter_for_cut(source, model.blocks_path, KEPT, tmp_path / "whole")
    config = json.loads((source / "adapter_config.json").read_text())
    config["target_modules"] = [name.removeprefix("model.layers.") for name in config["target_modules"]]
    (source / "adapter_config.json").write_text(json.dumps(config))
    short = adapter_for_cut(source, model.blocks_path, KEPT, tmp_path / "short")
    torch.testing.assert_close(logits_with(model, short), logits_with(model, whole))
    with torch.no_grad():
        untouched = pruned_network(model, KEPT)(torch.tensor([[5, 6, 7, 8, 9]])).logits
    assert (logits_with(model, short) - untouched).abs().max() > 1e-3


def test_an_adapter_is_taken_for_the_whole_model_or_a_cut(model: LoadedModel, store: Store, tmp_path: Path) -> None:
    run = store.run("r")
    take_adapter(store, run, (), tmp_path / "whole")
    assert (tmp_path / "whole" / "adapter_model.safetensors").read_bytes() == (
        store.folder / "r" / "adapter" / "adapter_model.safetensors"
    ).read_bytes()
    take_adapter(store, run, check_adapter(tmp_path / "cut", "1"), tmp_path / "cut")
    names = json.loads((tmp_path / "cut" / "adapter_config.json").read_text())["target_modules"]
    assert {name.split(".")[2] for name in names} == {"2"}, "block 3 is block 2 without block 1; block 1 is gone"


def test_what_cannot_be_taken(store: Store, tmp_path: Path) -> None:
    run = store.run("r")
    with pytest.raises(SettingError, match="give a new folder with --adapter"):
        check_adapter(None, "1")
    with pytest.raises(SettingError, match="there already"):
        check_adapter(tmp_path, None)
    with pytest.raises(SettingError, match="'x' is none"):
        check_adapter(tmp_path / "new", "x")
    with pytest.raises(CutError, match="no block 4"):
        take_adapter(store, run, (4,), tmp_path / "new")
    with pytest.raises(CutError, match="every block that was trained"):
        take_adapter(store, run, (1, 3), tmp_path / "new")
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="cannot be written"):
        take_adapter(store, run, (), tmp_path / "file" / "new")
    with pytest.raises(RunError, match="does not say where its blocks are"):
        take_adapter(store, _without_path(store), (1,), tmp_path / "new")
    with pytest.raises(RunError, match="gone"):
        take_adapter(store, store.start_run("other", "mitigate", {}) or run, (), tmp_path / "new")


@pytest.mark.parametrize("removed", [(), (1,)])
def test_a_full_disk_leaves_nothing_in_the_way_of_the_next_try(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: tuple[int, ...]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(ResourceError, match=r"disk is full, so .*new could not be written; make room"):
            take_adapter(store, store.run("r"), removed, tmp_path / "new")
    assert not list(tmp_path.glob("*new*"))
    check_adapter(tmp_path / "new", None)
    take_adapter(store, store.run("r"), removed, tmp_path / "new")
    assert (tmp_path / "new" / "adapter_model.safetensors").is_file()


def _without_path(store: Store) -> Run:
    store.update_run("r", 1, facts={"blocks": 4})
    return store.run("r")
