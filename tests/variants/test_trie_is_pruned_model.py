"""The walk's logits are those of a model that has the blocks taken out, saved, and loaded by plain transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from random_models import ARCHITECTURES, ENCODERS, VOCAB, build
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import CutError, ModelError
from avss_core.models.load import LoadedModel, wrap
from avss_core.variants.physical import pruned_network
from avss_core.variants.tail import tail_logits
from avss_core.variants.trie import walk
from avss_core.variants.variant import Variant

KEPT = [(0, 1, 2, 3), (1, 2, 3), (0, 1, 2), (0, 1, 3), (0, 3), (1, 2), (2,), (0,), (3,)]
RELOADED = [(0, 1, 2, 3), (1, 2, 3), (0, 1, 2), (0, 3), (2,)]


def mixed_batch() -> Batch:
    """Three rows of 13, 8 and 3 tokens, padded on the right."""
    generator = torch.Generator().manual_seed(1)
    windows = [
        Window(document, 0, tuple(torch.randint(3, VOCAB, (length,), generator=generator).tolist()))
        for document, length in enumerate((13, 8, 3))
    ]
    (batch,) = make_batches(windows, pad_id=0)
    return batch


def logits_of_walk(model: LoadedModel, batch: Batch) -> dict[tuple[int, ...], Tensor]:
    """Logits at the real positions, (real tokens, vocabulary)."""
    real = batch.attention_mask.bool()
    variants = [Variant(kept, model.n_blocks) for kept in KEPT]
    return {variant.kept: tail_logits(model, hidden[real]) for variant, hidden in walk(model, batch, variants)}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_equal_to_the_reloaded_pruned_model(name: str, tmp_path: Path) -> None:
    model, batch = wrap(build(name), tokenizer=None), mixed_batch()
    real = batch.attention_mask.bool()
    auto = AutoModelForMaskedLM if name in ENCODERS else AutoModelForCausalLM
    walked = logits_of_walk(model, batch)
    for kept in RELOADED:
        folder = tmp_path / "-".join(map(str, kept))
        pruned_network(model, kept).save_pretrained(folder)
        reloaded = auto.from_pretrained(folder).eval()
        with torch.no_grad():
            expected = reloaded(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits[real]
        assert walked[kept].shape == (24, VOCAB)
        assert (walked[kept] - expected).abs().max() < 1e-5
    # The variants are different models, or equality would mean little.
    full = walked[0, 1, 2, 3]
    assert all((logits - full).abs().max() > 0.1 for kept, logits in walked.items() if len(kept) < 4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_equal_to_the_pruned_network_in_memory(name: str) -> None:
    model, batch = wrap(build(name), tokenizer=None), mixed_batch()
    real = batch.attention_mask.bool()
    walked = logits_of_walk(model, batch)
    for kept in KEPT:
        with torch.no_grad():
            network = pruned_network(model, kept)
            expected = network(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits[real]
        assert (walked[kept] - expected).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["llama", "gemma3", "bert"])
def test_the_whole_model_is_the_network_itself_in_bfloat16_too(name: str) -> None:
    model, batch = wrap(build(name, dtype=torch.bfloat16), tokenizer=None), mixed_batch()
    real = batch.attention_mask.bool()
    ((_, hidden),) = walk(model, batch, [Variant.full(4)])
    with torch.no_grad():
        expected = model.network(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits[real]
    assert hidden.dtype == torch.bfloat16
    torch.testing.assert_close(tail_logits(model, hidden[real]), expected, rtol=0, atol=0.02)


def test_no_block_at_all_is_the_embeddings() -> None:
    model, batch = wrap(build("llama"), tokenizer=None), mixed_batch()
    ((_, hidden),) = walk(model, batch, [Variant((), 4)])
    torch.testing.assert_close(hidden, model.network.get_input_embeddings()(batch.input_ids))


def test_eager_attention_walks_too() -> None:
    network = build("qwen2")
    network.set_attn_implementation("eager")
    model, batch = wrap(network, tokenizer=None), mixed_batch()
    walked = logits_of_walk(model, batch)[1, 2, 3]
    with torch.no_grad():
        expected = pruned_network(model, (1, 2, 3))(batch.input_ids, attention_mask=batch.attention_mask).logits
    assert (walked - expected[batch.attention_mask.bool()]).abs().max() < 1e-5


def test_more_rows_than_positions_pass_the_tail() -> None:
    model = wrap(build("gpt2"), tokenizer=None)
    assert tail_logits(model, torch.randn(300, 64)).shape == (300, VOCAB)


def test_a_variant_of_another_model_is_refused() -> None:
    model = wrap(build("llama", blocks=2), tokenizer=None)
    with pytest.raises(CutError, match="4 blocks does not fit LlamaForCausalLM, which has 2"):
        walk(model, mixed_batch(), [Variant.full(4)])


def test_a_network_without_a_head_has_no_logits() -> None:
    headless = wrap(build("llama").base_model, tokenizer=None)
    with pytest.raises(ModelError, match="no head"):
        tail_logits(headless, torch.zeros(1, 64))
