"""Greedy answers with the log-probability of every token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from avss_core.hallucination.continued import Reading, write_on
from avss_core.tasks.greedy import first_line, line_breaks


@dataclass(frozen=True)
class Written:
    """One answer.

    text: up to the first line break. ids: its tokens, up to but without the end token or the token that holds the line
    break (so `yes!` may have fewer tokens than its text where `!` and the break are one token); may be none. logprobs:
    of each of `ids` its natural log-probability.
    """

    text: str
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


def write_greedily(
    tokenizer: Any, reading: Reading, most_tokens: int, between: Callable[[], None] = lambda: None
) -> list[Written]:
    """The likeliest token at every step after each sequence, until a line break, the end token, or `most_tokens`.

    between is called before every step and may raise Cancelled.
    """
    end = tokenizer.eos_token_id
    ends = frozenset({*line_breaks(tokenizer), *(() if end is None else (end,))})
    logprobs: list[list[float]] = [[] for _ in range(len(reading.logits))]

    def likeliest(logits: Tensor, _step: int, going: list[int]) -> Tensor:
        value, token = logits.max(dim=-1)
        for row, logprob in zip(going, (value - logits.logsumexp(dim=-1)).tolist(), strict=True):
            logprobs[row].append(logprob)
        return token

    tokens = write_on(reading, likeliest, ends, most_tokens, between)
    texts: list[str] = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    answers = []
    for ids, values, text in zip(tokens, logprobs, texts, strict=True):
        said = tuple(ids[:-1] if ids and ids[-1] in ends else ids)
        answers.append(Written(first_line(text), said, tuple(values[: len(said)])))
    return answers
