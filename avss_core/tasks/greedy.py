"""Greedy answers: a network writes on after many prompts at once, up to a line break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from transformers import GenerationConfig, PreTrainedModel

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.models.own_settings import own_settings
from avss_core.models.quiet import quiet

PROMPT_TOKENS_PER_BATCH = 2048

_breaks: WeakKeyDictionary[Any, tuple[int, ...]] = WeakKeyDictionary()


def greedy_answers(
    network: PreTrainedModel, tokenizer: Any, prompts: Sequence[tuple[int, ...]], most_tokens: int
) -> Iterator[tuple[list[int], list[str]]]:
    """For one batch of prompts (token ids) after another, which prompts it held, and their answers.

    The likeliest token is taken at every step until the first line break, the end token, or `most_tokens`; whatever
    the model's own generation settings say (sampling, penalties). Prompts are padded on the left and share the steps;
    a prompt's answer does not depend on the others beside it, rounding aside.
    """
    windows = [Window(index, 0, ids) for index, ids in enumerate(prompts)]
    settings = greedy_settings(tokenizer, most_tokens)
    for batch in make_batches(
        windows, tokenizer.pad_token_id, PROMPT_TOKENS_PER_BATCH, side="left", padding_per_batch=None
    ):
        written = _write(network, batch, settings)
        texts = tokenizer.batch_decode(written.tolist(), skip_special_tokens=True)
        yield [window.document for window in batch.windows], [first_line(text) for text in texts]


def greedy_settings(tokenizer: Any, most_tokens: int) -> GenerationConfig:
    """Plain greedy decoding that ends a row at the end token and at any token with a line break in it."""
    ends = {*line_breaks(tokenizer), *([] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id])}
    return GenerationConfig(
        max_new_tokens=most_tokens,
        do_sample=False,
        num_beams=1,
        use_cache=True,
        eos_token_id=sorted(ends) or None,
        pad_token_id=tokenizer.pad_token_id,
    )


def line_breaks(tokenizer: Any) -> tuple[int, ...]:
    """The tokens whose text has a line break; the vocabulary is gone through once for each tokenizer."""
    if tokenizer not in _breaks:
        texts = tokenizer.batch_decode([[index] for index in range(len(tokenizer))])
        _breaks[tokenizer] = tuple(index for index, text in enumerate(texts) if "\n" in text)
    return _breaks[tokenizer]


def first_line(text: str) -> str:
    """What stands before the first line break, without white space around it."""
    return text.split("\n", 1)[0].strip()


def _write(network: PreTrainedModel, batch: Batch, settings: GenerationConfig) -> torch.Tensor:
    """The tokens written after each prompt, (sequences, steps); after the end of an answer there is padding."""
    ids, mask = batch.input_ids.to(network.device), batch.attention_mask.to(network.device)
    with own_settings(network, settings), torch.no_grad(), quiet():
        whole = cast(Any, network).generate(input_ids=ids, attention_mask=mask)
    written: torch.Tensor = whole[:, ids.shape[1] :]
    return written
