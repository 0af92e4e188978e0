"""A window is refused exactly where the network itself cannot run it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import transformers as hf
from random_models import ARCHITECTURES, VOCAB, build
from transformers import PreTrainedModel

from avss_core.corpora import Window
from avss_core.errors import SettingError
from avss_core.models.load import wrap
from avss_core.tasks.context_length import longest_sequence, require_positions

_COMMON = {"vocab_size": VOCAB, "n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 256}


def _xglm() -> PreTrainedModel:
    widths = {"d_model": 32, "ffn_dim": 64, "attention_heads": 4, "num_layers": 2, "max_position_embeddings": 256}
    return hf.XGLMForCausalLM(hf.XGLMConfig(vocab_size=VOCAB, **widths))


# Tables that are computed: GPT-J's, CTRL's and MPT's end, XGLM's grows.
COMPUTED: dict[str, Callable[[], PreTrainedModel]] = {
    "gptj": lambda: hf.GPTJForCausalLM(hf.GPTJConfig(**_COMMON, rotary_dim=4)),
    "ctrl": lambda: hf.CTRLLMHeadModel(hf.CTRLConfig(**_COMMON, dff=64)),
    "mpt": lambda: hf.MptForCausalLM(
        hf.MptConfig(d_model=32, n_heads=4, n_layers=2, max_seq_len=256, vocab_size=VOCAB)
    ),
    "xglm": _xglm,
}
END = {"gpt2", "opt", "bert", "distilbert", "roberta", "gptj", "ctrl", "mpt"}


def window_of(tokens: int) -> Window:
    return Window(0, 0, (5,) * tokens)


@pytest.mark.parametrize("name", [*ARCHITECTURES, *COMPUTED])
def test_a_window_is_refused_where_the_network_fails(name: str) -> None:
    network = COMPUTED[name]().eval() if name in COMPUTED else build(name)
    model = wrap(network, tokenizer=None)
    most = longest_sequence(model) or 256
    require_positions(model, [window_of(most)], "text.txt")
    network(input_ids=torch.tensor([window_of(most).ids]))
    too_long = window_of(most + 1)
    if name not in END:
        require_positions(model, [too_long], "text.txt")
        network(input_ids=torch.tensor([too_long.ids]))
        return
    sentence = f"text.txt has {most + 1} tokens, more than the {most} positions of .*; ask for .* at most {most} tokens"
    with pytest.raises(SettingError, match=sentence):
        require_positions(model, [window_of(3), too_long], "text.txt")
    with pytest.raises((IndexError, RuntimeError)):
        network(input_ids=torch.tensor([too_long.ids]))


def test_rows_before_the_first_position_are_not_counted() -> None:
    assert longest_sequence(wrap(build("roberta"), tokenizer=None)) == 255  # 256 rows, and 0 is that of padding


def test_no_window_is_too_long() -> None:
    require_positions(wrap(build("gpt2"), tokenizer=None), [], "text.txt")
