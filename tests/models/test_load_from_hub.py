"""Hub ids without a network: the cache of Hugging Face is laid out by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from transformers import PreTrainedModel

from avss_core.errors import ModelError
from avss_core.models.load import load_model
from avss_core.models.spec import ModelSpec

FIRST, SECOND = "1" * 40, "2" * 40
NAME = "someone/tiny-llama"


@pytest.fixture
def home(tmp_path: Path, make_llama: Callable[..., PreTrainedModel], save: Callable[..., Path]) -> Path:
    """A cache with two commits of one model, of three and of two blocks; `main` is the first, `short` the second."""
    repository = tmp_path / "home" / "hub" / "models--someone--tiny-llama"
    (repository / "refs").mkdir(parents=True)
    (repository / "snapshots").mkdir()
    for commit, branch, blocks in ((FIRST, "main", 3), (SECOND, "short", 2)):
        save(make_llama(num_hidden_layers=blocks), commit).rename(repository / "snapshots" / commit)
        (repository / "refs" / branch).write_text(commit)
    return tmp_path / "home"


@pytest.fixture
def offline(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return home


def spec(source: str = NAME, revision: str | None = None) -> ModelSpec:
    return ModelSpec(source, revision=revision, dtype="float32", device="cpu")


def test_a_cached_model_loads_offline_in_a_fresh_process(home: Path) -> None:
    code = (
        "import json;from avss_core.models import ModelSpec;from avss_core.models.load import load_model;"
        f"depths=[load_model(ModelSpec('{NAME}', revision=r, dtype='float32', device='cpu')).n_blocks "
        "for r in (None, 'short')];print(json.dumps(depths))"
    )
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_HUB_CACHE", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [3, 2]


@pytest.mark.parametrize(("revision", "blocks"), [(None, 3), ("main", 3), ("short", 2), (FIRST, 3), (SECOND, 2)])
def test_the_revision_chooses_the_commit(offline: Path, revision: str | None, blocks: int) -> None:
    assert load_model(spec(revision=revision)).n_blocks == blocks


def test_the_weights_are_those_of_the_cache(offline: Path, make_llama: Callable[..., PreTrainedModel]) -> None:
    loaded = load_model(spec()).network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in make_llama().state_dict().items())


def test_a_model_that_is_not_cached(offline: Path) -> None:
    with pytest.raises(ModelError, match="someone/else is not in the local cache and the hub cannot be reached"):
        load_model(spec("someone/else"))
    with pytest.raises(ModelError, match="tiny-llama at revision v9 is not in the local cache"):
        load_model(spec(revision="v9"))


def test_a_name_that_no_hub_model_can_have() -> None:
    with pytest.raises(ModelError, match="neither a folder, a GGUF file nor a hub id"):
        load_model(spec("what is this?"))


def test_a_half_cached_model(offline: Path) -> None:
    (offline / "hub" / "models--someone--tiny-llama" / "snapshots" / FIRST / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"hub's model someone/tiny-llama has no weights \(no model.safetensors\)"):
        load_model(spec())


def test_cached_pickle_weights_are_refused(offline: Path) -> None:
    snapshot = offline / "hub" / "models--someone--tiny-llama" / "snapshots" / FIRST
    (snapshot / "model.safetensors").rename(snapshot / "pytorch_model.bin")
    with pytest.raises(ModelError, match="only pickle weights"):
        load_model(spec())
