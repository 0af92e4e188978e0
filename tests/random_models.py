"""Tiny networks with random weights, one for each architecture that the tests go through."""

from __future__ import annotations

from collections.abc import Callable

import torch
import transformers as hf
from transformers import PreTrainedConfig, PreTrainedModel

VOCAB = 128
HIDDEN = 64
WINDOW = 6  # tokens: shorter than the tests' sequences, so that sliding and full attention differ

# Large initial weights, so that leaving out a block moves the logits far more than rounding does.
_COMMON = {"vocab_size": VOCAB, "initializer_range": 0.15, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_WIDTHS = {"hidden_size": HIDDEN, "intermediate_size": 2 * HIDDEN, "num_attention_heads": 4}
_POSITIONS = {"max_position_embeddings": 256}
_GROUPED = {**_COMMON, **_WIDTHS, **_POSITIONS, "num_key_value_heads": 2}


def _llama(blocks: int) -> PreTrainedConfig:
    return hf.LlamaConfig(**_GROUPED, num_hidden_layers=blocks, tie_word_embeddings=True)


def _mistral(blocks: int) -> PreTrainedConfig:
    return hf.MistralConfig(**_GROUPED, num_hidden_layers=blocks, sliding_window=WINDOW)


def _qwen2(blocks: int) -> PreTrainedConfig:
    sliding = {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": blocks // 2}
    return hf.Qwen2Config(**_GROUPED, **sliding, num_hidden_layers=blocks, tie_word_embeddings=True)


def _qwen3(blocks: int) -> PreTrainedConfig:
    sliding = {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1, "head_dim": 16}
    return hf.Qwen3Config(**_GROUPED, **sliding, num_hidden_layers=blocks)


def _gemma3(blocks: int) -> PreTrainedConfig:
    types = ["full_attention" if (block + 1) % 3 == 0 else "sliding_attention" for block in range(blocks)]
    return hf.Gemma3TextConfig(
        **_GROUPED, num_hidden_layers=blocks, sliding_window=WINDOW, layer_types=types, head_dim=16
    )


def _gpt2(blocks: int) -> PreTrainedConfig:
    return hf.GPT2Config(**_COMMON, n_embd=HIDDEN, n_head=4, n_layer=blocks, n_positions=256)


def _gpt_neox(blocks: int) -> PreTrainedConfig:
    return hf.GPTNeoXConfig(**_COMMON, **_WIDTHS, **_POSITIONS, num_hidden_layers=blocks)


def _stablelm(blocks: int) -> PreTrainedConfig:
    return hf.StableLmConfig(**_GROUPED, num_hidden_layers=blocks)


def _opt(blocks: int) -> PreTrainedConfig:
    # A word embedding of another width than the hidden state, as in OPT-350m.
    widths = {"hidden_size": HIDDEN, "ffn_dim": 2 * HIDDEN, "num_attention_heads": 4, "word_embed_proj_dim": 32}
    return hf.OPTConfig(**{**_COMMON, "init_std": 0.15}, **widths, **_POSITIONS, num_hidden_layers=blocks)


def _phi(blocks: int) -> PreTrainedConfig:
    return hf.PhiConfig(**_COMMON, **_WIDTHS, **_POSITIONS, num_hidden_layers=blocks)


def _bloom(blocks: int) -> PreTrainedConfig:
    return hf.BloomConfig(**_COMMON, hidden_size=HIDDEN, n_head=4, n_layer=blocks)


def _mixtral(blocks: int) -> PreTrainedConfig:
    return hf.MixtralConfig(**_GROUPED, num_hidden_layers=blocks, num_local_experts=4, num_experts_per_tok=2)


def _bert(blocks: int) -> PreTrainedConfig:
    return hf.BertConfig(**_COMMON, **_WIDTHS, **_POSITIONS, num_hidden_layers=blocks)


def _distilbert(blocks: int) -> PreTrainedConfig:
    return hf.DistilBertConfig(**_COMMON, **_POSITIONS, dim=HIDDEN, hidden_dim=2 * HIDDEN, n_heads=4, n_layers=blocks)


def _roberta(blocks: int) -> PreTrainedConfig:
    return hf.RobertaConfig(**_COMMON, **_WIDTHS, **_POSITIONS, num_hidden_layers=blocks)


DECODERS: dict[str, Callable[[int], PreTrainedConfig]] = {
    "llama": _llama,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "gemma3": _gemma3,
    "gpt2": _gpt2,
    "gpt_neox": _gpt_neox,
    "stablelm": _stablelm,
    "opt": _opt,
    "phi": _phi,
    "bloom": _bloom,
    "mixtral": _mixtral,
}
ENCODERS: dict[str, Callable[[int], PreTrainedConfig]] = {
    "bert": _bert,
    "distilbert": _distilbert,
    "roberta": _roberta,
}
ARCHITECTURES = tuple(DECODERS) + tuple(ENCODERS)


def build(name: str, blocks: int = 4, seed: int = 0, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A network of `blocks` blocks with its language-model head: causal, or masked for an encoder; not training."""
    torch.manual_seed(seed)
    if name in DECODERS:
        network = hf.AutoModelForCausalLM.from_config(DECODERS[name](blocks), dtype=dtype)
    else:
        network = hf.AutoModelForMaskedLM.from_config(ENCODERS[name](blocks), dtype=dtype)
    _shake(network)
    return network.eval()


def _shake(network: PreTrainedModel) -> None:
    """Biases start at 0 and norms at 1; move them off, or a test could not see one that was lost."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
