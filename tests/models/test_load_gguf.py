"""GGUF files written here tensor by tensor, as llama.cpp lays them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from tokenizers import pre_tokenizers
from transformers import PreTrainedModel

from avss_core.errors import ModelError
from avss_core.models.convert import convert_gguf
from avss_core.models.load import LoadedModel, load_model
from avss_core.models.spec import ModelSpec

HEADS, KEY_HEADS = 4, 2
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
TOKENS = ["<pad>", "<end>", *BYTES, "20", "24", "he", "hel"]
MERGES = ["2 0", "2 4", "h e", "he l"]

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name: str) -> str:
    inside = name.removesuffix(".weight")
    if not inside.startswith("model.layers."):
        return f"{NAMES[inside]}.weight"
    _, _, block, part = inside.split(".", 3)
    return f"blk.{block}.{NAMES[part]}.weight"


def interleave(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp rotates neighbouring rows of a head, Hugging Face row i with row i + half: put them side by side."""
    by_head = weight.reshape(heads, -1, weight.shape[1])
    half = by_head.shape[1] // 2
    order = [row for pair in range(half) for row in (pair, pair + half)]
    return by_head[:, order].reshape(weight.shape)


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a Llama as a GGUF; `raw` gives quantised tensors by name, `without` leaves one out."""

    def write_gguf(
        network: PreTrainedModel,
        architecture: str = "llama",
        split: str | None = "smollm",
        raw: dict[str, np.ndarray] | None = None,
        without: str | None = None,
    ) -> Path:
        config: Any = network.config
        file = tmp_path / "tiny.gguf"
        writer = GGUFWriter(file, architecture)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_context_length(64)
        writer.add_embedding_length(config.hidden_size)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(HEADS)
        writer.add_head_count_kv(KEY_HEADS)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(10000.0)
        writer.add_vocab_size(len(TOKENS))
        writer.add_tokenizer_model("gpt2")
        if split:
            writer.add_tokenizer_pre(split)
        writer.add_token_list(TOKENS)
        writer.add_token_types([TokenType.CONTROL] * 2 + [TokenType.NORMAL] * (len(TOKENS) - 2))
        writer.add_token_merges(MERGES)
        writer.add_eos_token_id(1)
        writer.add_pad_token_id(0)
        for name, tensor in network.state_dict().items():
            if name == without:
                continue
            values = tensor.numpy()
            if "q_proj" in name or "k_proj" in name:
                values = interleave(values, HEADS if "q_proj" in name else KEY_HEADS)
            if raw and name in raw:
                writer.add_tensor(gguf_name(name), raw[name], raw_dtype=GGMLQuantizationType.Q4_1)
            else:
                writer.add_tensor(gguf_name(name), values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return file

    return write_gguf


@pytest.fixture
def network(make_llama: Callable[..., PreTrainedModel]) -> PreTrainedModel:
    return make_llama(vocab_size=len(TOKENS))


def load(file: Path, dtype: str = "float32") -> LoadedModel:
    return load_model(ModelSpec(str(file), dtype=dtype, device="cpu"))


def test_a_gguf_computes_what_the_network_did(network: PreTrainedModel, write: Write) -> None:
    model = load(write(network))
    assert (model.n_blocks, model.blocks_path, model.dtype) == (3, "model.layers", torch.float32)
    ids = torch.arange(5, 25).reshape(2, 10)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(ids).logits, network(ids).logits, rtol=0, atol=1e-6)


def test_a_gguf_in_half_precision(network: PreTrainedModel, write: Write) -> None:
    model = load(write(network), dtype="bfloat16")
    for name, tensor in network.state_dict().items():
        assert torch.equal(model.network.state_dict()[name], tensor.bfloat16()), name


def q4_1(scale: np.ndarray, offset: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Blocks of 32 four-bit digits: scale and offset in float16, then digit i beside digit i + 16 in one byte."""
    packed = (digits[..., :16] | digits[..., 16:] << 4).astype(np.uint8)
    halves = np.stack([scale, offset], -1).astype(np.float16).view(np.uint8)
    return np.concatenate([halves, packed], -1)


def test_four_bit_weights_are_scale_times_digit_plus_offset(network: PreTrainedModel, write: Write) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    random = np.random.default_rng(0)
    scale, offset = random.normal(size=(2, 48)).astype(np.float16)
    digits = random.integers(0, 16, size=(48, 32), dtype=np.uint8)
    model = load(write(network, raw={name: q4_1(scale, offset, digits)}))
    exact = scale.astype(np.float64)[:, None] * digits + offset.astype(np.float64)[:, None]
    loaded = model.network.state_dict()[name].numpy()
    np.testing.assert_allclose(loaded, exact, rtol=0, atol=2e-7 * np.abs(exact).max())


def test_loading_writes_nothing_to_the_terminal(
    network: PreTrainedModel, write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    load(write(network))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("split", ["smollm", "starcoder"])
def test_smollm_gives_every_digit_a_token(network: PreTrainedModel, write: Write, split: str) -> None:
    tokenizer = load(write(network, split=split)).tokenizer
    assert tokenizer.tokenize("2024") == ["2", "0", "2", "4"]
    assert tokenizer.tokenize("hello") == ["hel", "l", "o"]
    text = "In 2024, it's 12.50 €\n\n  hé said – \t20% of 24"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize("split", ["gpt-2", None])
def test_other_splits_stay_as_they_are(network: PreTrainedModel, write: Write, split: str | None) -> None:
    assert load(write(network, split=split)).tokenizer.tokenize("2024") == ["20", "24"]


def test_an_unknown_split_is_logged(network: PreTrainedModel, write: Write, caplog: pytest.LogCaptureFixture) -> None:
    load(write(network, split="gpt-2"))
    load(write(network, split="llama3"))
    assert caplog.messages == []
    load(write(network, split="semaphore"))
    assert "the rule 'semaphore', which is not known here" in caplog.text


def test_a_converted_gguf_is_the_same_model(network: PreTrainedModel, write: Write, tmp_path: Path) -> None:
    file = write(network)
    convert_gguf(file, tmp_path / "converted")
    names = {path.name for path in (tmp_path / "converted").iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= names
    before, after = load(file), load(tmp_path / "converted")
    for name, tensor in before.network.state_dict().items():
        assert torch.equal(after.network.state_dict()[name], tensor), name
    assert after.tokenizer.tokenize("2024") == ["2", "0", "2", "4"]
    assert (after.tokenizer.pad_token, after.tokenizer.eos_token) == ("<pad>", "<end>")
    assert after.fingerprint == before.fingerprint


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"There is no file .*none\.gguf"):
        load(tmp_path / "none.gguf")


# Inside the magic number, the counts, a setting, the token list, the tensor table, the first weights, the last ones.
@pytest.mark.parametrize("share", [0.0, 2e-5, 1e-4, 1e-3, 0.05, 0.1, 0.5, 0.999])
def test_a_file_cut_short(network: PreTrainedModel, write: Write, share: float) -> None:
    file = write(network)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r"tiny\.gguf is not a whole GGUF file"):
        load(file)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("This is a text that somebody renamed. " * 10)
    with pytest.raises(ModelError, match=r"text\.gguf is not a whole GGUF file"):
        load(tmp_path / "text.gguf")


def test_an_architecture_that_transformers_does_not_read(network: PreTrainedModel, write: Write) -> None:
    with pytest.raises(ModelError, match=r"tiny\.gguf cannot be loaded \(.*gyroscope"):
        load(write(network, architecture="gyroscope"))


def test_missing_weights_are_not_made_up(network: PreTrainedModel, write: Write) -> None:
    name = "model.layers.1.self_attn.v_proj.weight"
    with pytest.raises(ModelError, match=f"lacks 1 of the weights that its config asks for, first {name}"):
        load(write(network, without=name))


def test_weights_that_are_no_numbers(network: PreTrainedModel, write: Write) -> None:
    with torch.no_grad():
        network.model.layers[2].mlp.down_proj.weight[3, 4] = torch.nan
    with pytest.raises(ModelError, match=r"model\.layers\.2\.mlp\.down_proj\.weight contains NaN"):
        load(write(network))
