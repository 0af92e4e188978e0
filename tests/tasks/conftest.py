"""A tokenizer of single characters that fits the tiny random models' vocabulary."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from random_models import VOCAB
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

MakeTokenizer = Callable[..., PreTrainedTokenizerFast]


def _make(**texts: str) -> PreTrainedTokenizerFast:
    """Tokens 0 to 2 are special, 3 to 97 the printable ASCII characters, the rest letters; `t5="x"` renames token 5."""
    vocabulary = ["<pad>", "<bos>", "<eos>", *map(chr, range(32, 127))]
    vocabulary += [chr(0x100 + number) for number in range(VOCAB - len(vocabulary))]
    for name, text in texts.items():
        vocabulary[int(name.removeprefix("t"))] = text
    tokenizer = Tokenizer(models.WordLevel({text: number for number, text in enumerate(vocabulary)}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="?"
    )


@pytest.fixture
def make_tokenizer() -> MakeTokenizer:
    return _make


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return _make(t100="\n", t101="!\n")
