"""A tokenizer for the networks of `random_models`: one token a character, as many tokens as they have."""

from __future__ import annotations

from random_models import VOCAB
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

_SPECIAL = ["<pad>", "<s>", "</s>", "<mask>"]
_CHARACTERS = [*(chr(code) for code in range(33, 127)), "Ġ", "Ċ"]  # printable ASCII, space and new line
_TOKENS = [*_SPECIAL, *_CHARACTERS]
_TOKENS += [f"Ġ{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"][: VOCAB - len(_TOKENS)]
_TOKENS += [f"{digit}0" for digit in range(VOCAB - len(_TOKENS))]

CHAT_TEMPLATE = "{% for m in messages %}[{{ m['content'] }}]{% endfor %}{% if add_generation_prompt %}>{% endif %}"


def ascii_tokenizer(chat_template: str | None = None) -> PreTrainedTokenizerFast:
    """Padding 0, beginning 1, end 2, mask 3; nothing is added to a text."""
    assert len(_TOKENS) == len(set(_TOKENS)) == VOCAB
    backend = Tokenizer(BPE(vocab={token: place for place, token in enumerate(_TOKENS)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        mask_token="<mask>",
        chat_template=chat_template,
    )
