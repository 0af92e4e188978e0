"""What jobs keep beside the model in memory goes with it: two models are never held at once."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
from random_models import build
from tiny_model import save_tiny_model
from transformers import PreTrainedModel

from avss_core.jobs import resident
from avss_core.models import ModelSpec
from avss_core.models.load import LoadedModel, wrap
from avss_core.variants.physical import pruned_network


@pytest.fixture(autouse=True)
def empty_memory() -> None:
    resident._resident.clear()
    resident._beside.clear()


def test_another_model_takes_the_place_of_all_of_it(tiny_model: Path, tmp_path: Path) -> None:
    first, second = ModelSpec(str(tiny_model)), ModelSpec(str(save_tiny_model(tmp_path / "other")))
    model = resident.resident_model(first)
    resident.beside(first)["trained"] = pruned_network(model, (0, 1))
    weights = weakref.ref(model.network.get_input_embeddings().weight)
    assert set(resident.beside(first)) == {"trained"}, "the same model again"
    del model
    assert resident.beside(second) == {}
    gc.collect()
    assert weights() is None


def test_of_what_is_made_of_the_model_one_is_kept_at_a_time(tiny_model: Path, tmp_path: Path) -> None:
    first, second = ModelSpec(str(tiny_model)), ModelSpec(str(save_tiny_model(tmp_path / "other")))
    made: list[weakref.ref[PreTrainedModel]] = []

    def make(model: LoadedModel) -> LoadedModel:
        assert not [each for each in made if each() is not None], "the memory of the one before is free by now"
        cut = wrap(pruned_network(model, (0, 1)), model.tokenizer)
        made.append(weakref.ref(cut.network))
        return cut

    def ask(which: str) -> weakref.ref[PreTrainedModel]:
        found = weakref.ref(resident.model_beside(first, "cut", which, make).network)
        gc.collect()
        return found

    assert ask("one") == ask("one") == made[0]
    assert ask("other") == made[1]
    assert len(made) == 2
    resident.resident_model(second)
    gc.collect()
    assert made[1]() is None


def test_the_facts_say_where_the_blocks_are(tiny_model: Path) -> None:
    assert resident.facts_of(ModelSpec(str(tiny_model)))["blocks_path"] == "model.layers"


def test_the_facts_name_the_lists_of_the_config_that_a_cut_shortens(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resident.facts_of(ModelSpec(str(tiny_model)))["per_block_settings"] == []
    monkeypatch.setattr(resident, "resident_model", lambda spec: wrap(build("gemma3"), tokenizer=None))
    assert resident.facts_of(ModelSpec("owner/name"))["per_block_settings"] == ["layer_types"]
