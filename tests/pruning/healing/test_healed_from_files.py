"""A healing kept as files gives back the same network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from random_models import HIDDEN, build

from avss_core.corpora import Window
from avss_core.errors import ModelError, RunError
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.healing import LinearSettings, TrainingSettings
from avss_core.pruning.healing.fit_linear import heal_linear
from avss_core.pruning.healing.from_files import control_from_files, network_from_files, network_to_export
from avss_core.pruning.healing.healed import healed_network
from avss_core.pruning.healing.healed_files import HealedFiles
from avss_core.pruning.healing.split import some_windows, split_documents
from avss_core.pruning.healing.train import Training
from avss_core.variants import Variant

CUT = Variant.without(5, [1, 2])
IDS = torch.arange(3, 40)[None]
SHRINKAGES = (0.3, 3.0, 30.0)


@pytest.fixture
def llama() -> LoadedModel:
    return wrap(build("llama", blocks=5), tokenizer=None)


@pytest.fixture
def files(tmp_path: Path) -> HealedFiles:
    return HealedFiles(tmp_path / "run")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maps_and_adapters_there_and_back(dtype: torch.dtype, files: HealedFiles, make_windows, untouched) -> None:
    model = wrap(build("llama", blocks=5, dtype=dtype), tokenizer=None)
    windows = make_windows(40, written_by=model.network)
    healing = heal_linear(model, CUT, windows, LinearSettings(SHRINKAGES))
    assert healing.helps
    files.keep_maps(healing)
    settings = TrainingSettings(steps=3, sequences=4, rank=4, learning_rate=1e-2)
    training = Training(model, CUT, windows, settings, files.linear_maps())
    list(training.steps())
    adapter, control = training.adapters()
    assert control is not None
    adapter.save(files.adapter)
    control.save(files.control_adapter)
    files.keep_training({"sentence": "Trained."})
    trained, before = training.result(), untouched(model.network)

    with_maps = network_from_files(model, CUT, files, trained=False)
    assert torch.equal(with_maps(IDS).logits, healed_network(model, CUT, healing.maps)(IDS).logits)
    again, sentence = network_to_export(model, CUT, files, trained=True)
    assert torch.equal(again(IDS).logits, trained.network(IDS).logits)
    assert trained.control is not None
    assert torch.equal(control_from_files(model, files)(IDS).logits, trained.control(IDS).logits)
    assert not torch.equal(again(IDS).logits, with_maps(IDS).logits)
    assert sentence == f"{healing.sentence} Trained."
    assert [type(module) for module in again.modules()] == [type(module) for module in with_maps.modules()]
    before.check()


def test_what_cannot_be_exported_is_said(llama: LoadedModel, files: HealedFiles, make_windows) -> None:
    windows = make_windows(40, written_by=llama.network)
    on_states = heal_linear(llama, CUT, windows, LinearSettings(SHRINKAGES, fold=False))
    assert on_states.parameters_added >= HIDDEN**2
    files.keep_maps(on_states)
    with pytest.raises(ModelError, match="a module of its own"):
        network_to_export(llama, CUT, files, trained=False)
    with pytest.raises(RunError, match="no finished training"):
        network_to_export(llama, CUT, files, trained=True)
    with pytest.raises(RunError, match="heal again"):
        network_from_files(llama, CUT, files, trained=True)


def test_no_map_that_helps_is_nothing_to_export(llama: LoadedModel, files: HealedFiles, make_windows) -> None:
    cut, windows = Variant.without(5, [2]), make_windows(6, written_by=llama.network)
    files.keep_maps(heal_linear(llama, cut, windows, LinearSettings((1e-6,))))
    assert files.linear_maps() == ()
    with pytest.raises(RunError, match="No map helped"):
        network_to_export(llama, cut, files, trained=False)


def test_only_some_tokens_of_many_documents_are_fitted_on(llama: LoadedModel, make_windows) -> None:
    windows = make_windows(40, written_by=llama.network)
    healing = heal_linear(llama, CUT, windows, LinearSettings((3.0,), tokens=100))
    assert 100 <= healing.fitted_tokens + healing.held_out_tokens < 100 + max(map(len, windows))
    whole = heal_linear(llama, CUT, windows, LinearSettings((3.0,), tokens=None))
    assert whole.fitted_tokens + whole.held_out_tokens == sum(map(len, windows))


def test_a_budget_of_one_window_still_meets_two_documents() -> None:
    windows = [Window(document, start, (5,) * 100) for document in (3, 7, 9) for start in (0, 100)]
    for tokens in (2, 100):
        chosen = some_windows(windows, tokens)
        assert [(window.document, window.start) for window in chosen] == [(3, 0), (7, 0)]
        assert [len(part) for part in split_documents(chosen, 0.25)] == [1, 1]
    assert [(one.document, one.start) for one in some_windows(windows[:2], 100)] == [(3, 0)]


def test_damaged_files_are_told(files: HealedFiles) -> None:
    assert files.about_training() is None
    files.folder.mkdir()
    (files.folder / "training.json").write_text("{")
    with pytest.raises(RunError, match="heal again"):
        files.about_training()
