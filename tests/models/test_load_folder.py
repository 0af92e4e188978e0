from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from avss_core.models.load import LoadedModel, load_model
from avss_core.models.spec import ModelSpec

_BERT = BertConfig(
    vocab_size=258, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, num_labels=3
)
_GPT2 = GPT2Config(vocab_size=258, n_embd=32, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=1)

Save = Callable[..., Path]


def load(folder: Path, dtype: str = "float32", **settings: bool) -> LoadedModel:
    return load_model(ModelSpec(str(folder), dtype=dtype, device="cpu", **settings))


@pytest.mark.parametrize(
    ("network_class", "config"),
    [
        (GPT2LMHeadModel, _GPT2),
        (BertForMaskedLM, _BERT),
        (BertForSequenceClassification, _BERT),
        (BertModel, _BERT),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_folder_gives_back_what_was_saved(
    save: Save, network_class: type[PreTrainedModel], config: BertConfig | GPT2Config
) -> None:
    torch.manual_seed(0)
    network = network_class(config).eval()
    model = load(save(network))
    assert type(model.network) is network_class
    ids = torch.arange(5, 17).reshape(2, 6)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(ids)[0], network(ids)[0], rtol=0, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_dtype_rounds_every_weight(llama: PreTrainedModel, save: Save, dtype: str) -> None:
    model = load(save(llama), dtype=dtype)
    wanted = getattr(torch, dtype)
    assert model.dtype == wanted
    loaded = model.network.state_dict()
    for name, tensor in llama.state_dict().items():
        assert torch.equal(loaded[name], tensor.to(wanted)), name


def test_a_model_saved_without_its_head_is_loaded_without_one(llama: PreTrainedModel, save: Save) -> None:
    model = load(save(llama.model))
    assert not model.has_lm_head
    assert model.blocks_path == "layers"


def test_several_weight_files(llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    llama.save_pretrained(tmp_path, max_shard_size="20KB")
    tokenizer.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    loaded = load(tmp_path).network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in llama.state_dict().items())


def test_padding_falls_back_on_the_end_token(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, save: Save
) -> None:
    tokenizer.pad_token = None
    assert load(save(llama)).tokenizer.pad_token_id == tokenizer.eos_token_id


def test_a_padding_token_without_an_embedding_is_not_used(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, save: Save
) -> None:
    tokenizer.add_special_tokens({"pad_token": "<new>"})
    assert tokenizer.pad_token_id == 258
    assert load(save(llama)).tokenizer.pad_token_id == tokenizer.eos_token_id


def test_a_pooler_may_be_missing(save: Save) -> None:
    torch.manual_seed(0)
    network = BertModel(_BERT, add_pooling_layer=False).eval()
    model = load(save(network))
    ids = torch.arange(5, 17).reshape(2, 6)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(ids)[0], network(ids)[0], rtol=0, atol=0)


def test_pickle_weights_are_read_once_allowed(llama: PreTrainedModel, save: Save) -> None:
    folder = save(llama)
    (folder / "model.safetensors").unlink()
    weights = {name: tensor.clone() for name, tensor in llama.state_dict().items() if name != "lm_head.weight"}
    torch.save({**weights, "lm_head.weight": llama.lm_head.weight.detach().clone()}, folder / "pytorch_model.bin")
    loaded = load(folder, allow_pickle=True).network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in llama.state_dict().items())


def test_loading_writes_nothing_to_the_terminal(
    llama: PreTrainedModel, save: Save, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = save(llama)
    capfd.readouterr()
    load(folder)
    assert capfd.readouterr() == ("", "")
