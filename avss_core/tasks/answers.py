"""Written answers of many pruned models, judged against references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from avss_core.models.load import LoadedModel
from avss_core.tasks.asked import Asked
from avss_core.tasks.context_length import longest_sequence
from avss_core.tasks.greedy import greedy_answers
from avss_core.tasks.task import AnswerTask
from avss_core.variants.physical import pruned_network
from avss_core.variants.variant import Variant


def score_answers(
    task: AnswerTask,
    model: LoadedModel,
    asked: Sequence[Asked],
    variants: Sequence[Variant],
    tick: Callable[[int], None],
) -> pd.DataFrame:
    """Every variant's greedy answer to every example, judged: columns kept, document, example, answer, and the judge's.

    A variant is run as a network of its own, which shares the weights' memory, so that its cache of keys and values is
    that of the blocks it has. A prompt that leaves no room for the answer loses its beginning. tick is called after
    every batch; its counts add up to the tokens of `asked`, however many variants there are.
    """
    longest = longest_sequence(model)
    room = None if longest is None else max(1, longest - task.most_tokens)
    prompts = [one.within(room).ids for one in asked]
    found: dict[tuple[Variant, int], dict[str, Any]] = {}
    done = 0
    for variant in variants:
        network = pruned_network(model, variant.kept) if variant.removed else model.network
        for numbers, answers in greedy_answers(network, model.tokenizer, prompts, task.most_tokens):
            for number, answer in zip(numbers, answers, strict=True):
                one = asked[number]
                found[variant, number] = {
                    "kept": variant.key,
                    "document": one.document,
                    "example": one.example.id,
                    "answer": answer,
                    **task.judge(answer, one.example),
                }
            before, done = done, done + sum(len(asked[number]) for number in numbers)
            tick(done // len(variants) - before // len(variants))
    return pd.DataFrame([found[variant, number] for variant in variants for number in range(len(asked))])
