from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import BertConfig, BertForMaskedLM, BertModel, PreTrainedModel, PreTrainedTokenizerFast

from avss_core.errors import ModelError
from avss_core.models.load import load_model, wrap
from avss_core.models.spec import ModelSpec

HIDDEN, WIDE, VOCABULARY, KEYS = 32, 48, 258, 16
# Query and output are square, key and value half as wide; three matrices in the MLP; two norms.
BLOCK = 2 * HIDDEN**2 + 2 * HIDDEN * KEYS + 3 * HIDDEN * WIDE + 2 * HIDDEN


def test_what_a_model_says_of_itself(llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    model = wrap(llama.train(), tokenizer)
    assert (model.n_blocks, model.hidden_size, model.blocks_path) == (3, HIDDEN, "model.layers")
    assert model.base is llama.model
    assert (model.device, model.dtype) == (torch.device("cpu"), torch.float32)
    assert not llama.training
    assert not any(parameter.requires_grad for parameter in llama.parameters())


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_counted_once(make_llama: Callable[..., PreTrainedModel], tied: bool) -> None:
    model = wrap(make_llama(tie_word_embeddings=tied), None)
    embeddings = VOCABULARY * HIDDEN * (1 if tied else 2)
    assert model.parameters_total == embeddings + 3 * BLOCK + HIDDEN
    assert [model.parameters_of(index) for index in range(3)] == [BLOCK] * 3
    assert model.parameters_of(0, 2) == 2 * BLOCK


def test_parameters_that_another_block_shares_stay(llama: PreTrainedModel) -> None:
    first, second = llama.model.layers[0], llama.model.layers[1]
    second.mlp.up_proj.weight = first.mlp.up_proj.weight
    model = wrap(llama, None)
    assert model.parameters_of(0) == BLOCK - HIDDEN * WIDE
    assert model.parameters_of(0, 1) == 2 * BLOCK - HIDDEN * WIDE


def test_heads() -> None:
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    masked, bare = wrap(BertForMaskedLM(config), None), wrap(BertModel(config), None)
    assert (masked.has_lm_head, masked.predicts_next_token) == (True, False)
    assert (bare.has_lm_head, bare.predicts_next_token) == (False, False)
    assert bare.base is bare.network
    assert isinstance(masked.base, BertModel)


def test_a_causal_model_predicts_the_next_token(llama: PreTrainedModel) -> None:
    model = wrap(llama, None)
    assert (model.has_lm_head, model.predicts_next_token) == (True, True)
    assert not wrap(llama.model, None).has_lm_head


def test_fingerprint_survives_the_disk(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, save: Callable[..., Path]
) -> None:
    folder = save(llama)
    loaded = load_model(ModelSpec(str(folder), dtype="float32", device="cpu"))
    assert loaded.fingerprint == wrap(llama, tokenizer).fingerprint
    assert load_model(ModelSpec(str(folder), dtype="bfloat16", device="cpu")).fingerprint != loaded.fingerprint


def test_fingerprint_sees_one_bit_of_one_weight(llama: PreTrainedModel) -> None:
    before = wrap(llama, None).fingerprint
    weight = llama.model.layers[1].mlp.down_proj.weight
    with torch.no_grad():
        weight[3, 5] = torch.nextafter(weight[3, 5], torch.tensor(torch.inf))
    assert wrap(llama, None).fingerprint != before


def test_fingerprint_sees_the_dtype_where_the_bytes_are_the_same(llama: PreTrainedModel) -> None:
    with torch.no_grad():
        for parameter in llama.parameters():
            parameter.zero_()
    assert wrap(llama.half(), None).fingerprint != wrap(llama.bfloat16(), None).fingerprint


def test_fingerprint_sees_the_config(make_llama: Callable[..., PreTrainedModel]) -> None:
    assert (
        wrap(make_llama(rms_norm_eps=1e-6), None).fingerprint != wrap(make_llama(rms_norm_eps=1e-5), None).fingerprint
    )


def test_fingerprint_sees_the_tokenizer_but_not_how_it_was_last_called(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    before = wrap(llama, tokenizer).fingerprint
    tokenizer(["a", "abc"], padding=True, truncation=True, max_length=2)
    assert wrap(llama, tokenizer).fingerprint == before
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), tokenizer.backend_tokenizer.pre_tokenizer]
    )
    assert wrap(llama, tokenizer).fingerprint != before


def test_a_network_without_blocks_is_refused(llama: PreTrainedModel) -> None:
    llama.config.num_hidden_layers = 7
    with pytest.raises(ModelError, match="no list of 7 blocks"):
        wrap(llama, None)
