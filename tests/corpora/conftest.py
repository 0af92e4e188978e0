"""Two tiny tokenizers, built here: one that adds nothing, and one that adds [CLS] and [SEP] like BERT's."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

WORDS = [f"w{number}" for number in range(20)]
VOCABULARY = {word: number for number, word in enumerate(["[UNK]", "[CLS]", "[SEP]", "[PAD]", *WORDS])}


def _word_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


@pytest.fixture(scope="session")
def vocabulary() -> dict[str, int]:
    return VOCABULARY


@pytest.fixture(scope="session")
def plain_tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=_word_tokenizer(), model_max_length=4)


@pytest.fixture(scope="session")
def bert_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = _word_tokenizer()
    special = [("[CLS]", VOCABULARY["[CLS]"]), ("[SEP]", VOCABULARY["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    # Baked into the file, as sentence encoders have them; neither may be felt here.
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(pad_id=VOCABULARY["[PAD]"], pad_token="[PAD]", length=32)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", model_max_length=4)
