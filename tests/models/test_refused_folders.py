"""Folders that cannot or must not be loaded: each ends in one sentence that names what is wrong."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from avss_core.errors import AvssError, ModelError, ResourceError
from avss_core.models.explain import explain
from avss_core.models.load import load_model
from avss_core.models.spec import ModelSpec


@pytest.fixture
def folder(llama: PreTrainedModel, save: Callable[..., Path]) -> Path:
    return save(llama)


def refusal(folder: Path, error: type[AvssError] = ModelError, **settings: Any) -> str:
    with pytest.raises(error) as caught:
        load_model(ModelSpec(str(folder), **{"dtype": "float32", "device": "cpu", **settings}))
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def change_config(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    settings = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_missing_folder(tmp_path: Path) -> None:
    assert f"There is no folder {tmp_path / 'nothing'}" in refusal(tmp_path / "nothing")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    assert "no config.json" in refusal(tmp_path)
    (tmp_path / "some.gguf").write_bytes(b"GGUF")
    assert "to load some.gguf, give the path of that file" in refusal(tmp_path)


def test_a_config_that_is_not_json(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama",')
    assert "config.json is not valid JSON" in refusal(folder)
    (folder / "config.json").write_text("[]")
    assert "does not hold the settings of a model" in refusal(folder)


def test_an_architecture_that_nobody_knows(folder: Path) -> None:
    change_config(folder, model_type="gyroscope")
    assert "architecture (gyroscope)" in refusal(folder)
    change_config(folder, model_type=None)
    assert "no model_type in its config.json" in refusal(folder)


def test_a_config_that_contradicts_itself(folder: Path) -> None:
    change_config(folder, num_attention_heads=5, head_dim=None)
    assert refusal(folder).startswith(f"The folder {folder} cannot be loaded (")


def test_code_of_its_own_is_not_run_unless_allowed(folder: Path) -> None:
    (folder / "configuration_own.py").write_text("raise RuntimeError('the code was run')\n")
    change_config(folder, model_type="own", auto_map={"AutoConfig": "configuration_own.OwnConfig"})
    assert "set trust_remote_code if you trust its author" in refusal(folder)
    assert "the code was run" in refusal(folder, trust_remote_code=True)


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "no weights (no model.safetensors)" in refusal(folder)
    assert "no model.safetensors or pytorch_model.bin" in refusal(folder, allow_pickle=True)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "weights.pt"])
def test_pickle_weights_are_refused_unread(folder: Path, name: str) -> None:
    (folder / "model.safetensors").rename(folder / name)
    assert f"only pickle weights ({name})" in refusal(folder)


def test_a_damaged_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04 this is not an archive")
    assert "cannot be loaded" in refusal(folder, allow_pickle=True)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_weights_cut_short(folder: Path, kept: int) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    assert f"{file} is corrupt or cut short" in refusal(folder)


def test_a_text_in_place_of_the_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    assert "corrupt or cut short" in refusal(folder)


def test_one_of_several_weight_files_is_missing(llama: PreTrainedModel, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    llama.save_pretrained(folder, max_shard_size="20KB")
    lost = sorted(folder.glob("model-*.safetensors"))[1]
    lost.unlink()
    assert f"{lost} is missing" in refusal(folder)


def test_an_index_that_is_not_one(llama: PreTrainedModel, folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text("{}")
    assert "model.safetensors.index.json is not a list of weight files" in refusal(folder)


def test_missing_weights_are_not_made_up(folder: Path) -> None:
    def drop(weights: dict[str, torch.Tensor]) -> None:
        del weights["model.layers.2.self_attn.k_proj.weight"], weights["model.layers.1.mlp.up_proj.weight"]

    change_weights(folder, drop)
    assert "lacks 2 of the weights that its config asks for, first model.layers.1.mlp.up_proj.weight" in refusal(folder)


def test_a_missing_head_is_not_made_up(folder: Path) -> None:
    change_weights(folder, lambda weights: weights.pop("lm_head.weight"))
    assert "first lm_head.weight" in refusal(folder)


def test_a_config_of_more_blocks_than_there_are(folder: Path) -> None:
    change_config(folder, num_hidden_layers=4)
    assert "first model.layers.3." in refusal(folder)


def test_a_config_of_fewer_blocks_than_there_are(folder: Path) -> None:
    change_config(folder, num_hidden_layers=2)
    sentence = refusal(folder)
    assert "weights of more blocks (model.layers.2." in sentence
    assert "than the 2 of its config" in sentence


def test_a_config_of_another_width(folder: Path) -> None:
    change_config(folder, intermediate_size=64)
    sentence = refusal(folder)
    assert "model.layers.0.mlp.gate_proj.weight has shape (48, 32) in the file, but (64, 32) by the config" in sentence


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_no_numbers(folder: Path, value: float) -> None:
    def spoil(weights: dict[str, torch.Tensor]) -> None:
        weights["model.layers.1.mlp.up_proj.weight"][4, 2] = value

    change_weights(folder, spoil)
    assert "model.layers.1.mlp.up_proj.weight contains NaN or infinity in float32" in refusal(folder)


def test_weights_too_large_for_float16(folder: Path) -> None:
    def enlarge(weights: dict[str, torch.Tensor]) -> None:
        weights["model.norm.weight"][0] = 1e6

    change_weights(folder, enlarge)
    assert "in float16); load it in bfloat16 or float32" in refusal(folder, dtype="float16")


def test_no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    assert "has no tokenizer" in refusal(folder)


def test_a_damaged_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"version": "1.0"')
    assert refusal(folder).startswith(f"The tokenizer of the folder {folder} cannot be loaded")


def test_neither_padding_nor_end_token(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, save: Callable[..., Path]
) -> None:
    tokenizer.pad_token = tokenizer.eos_token = None
    assert "neither a padding token nor an end token" in refusal(save(llama))


def test_an_encoder_decoder(save: Callable[..., Path]) -> None:
    config = T5Config(vocab_size=258, d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4)
    assert "encoder-decoder" in refusal(save(T5ForConditionalGeneration(config)))


def test_what_the_machine_lacks_is_not_the_models_fault() -> None:
    cpu = RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried …")
    for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), cpu):
        assert "does not fit into memory" in str(explain("The model x", error))
        assert isinstance(explain("The model x", error), ResourceError)
    full = explain("The model x", OSError(errno.ENOSPC, "No space left on device"))
    assert isinstance(full, ResourceError)
    assert "does not fit on the disk" in str(full)


def test_what_a_library_says_is_cut_at_a_sentence() -> None:
    said = "  The file\n is torn. " + "Much more is said about it. " * 30
    sentence = str(explain("The model x", ValueError(said)))
    assert sentence.startswith("The model x cannot be loaded (The file is torn. Much more is said about it.")
    assert len(sentence) < 350
    assert sentence.endswith("Much more is said about it); fetch it again, or choose another model.")
    assert "(KeyError)" in str(explain("The model x", KeyError()))
    assert "not installed (No module named 'abc')" in str(explain("The model x", ImportError("No module named 'abc'")))
