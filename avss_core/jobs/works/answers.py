"""Answers: a shard of questions is answered, and the blocks' activations at the answers are summed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pandas as pd
from torch import nn

from avss_core.hallucination.answer_pass import answer_questions
from avss_core.hallucination.asking import TASK, answer_task, question_prompt
from avss_core.jobs.requests import AnswersRequest
from avss_core.jobs.resident import resident_model, shards_for
from avss_core.jobs.works.base import Turn, Work, Write
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.tasks.asked import Asked, Shard
from avss_core.tasks.context_length import longest_sequence
from avss_core.tasks.run import check_task
from avss_core.variants.physical import pruned_network


class AnswersWork(Work):
    """One row a question; the columns are told in `jobs/answers_results.py`."""

    side_by_side = True

    def check(self, request: AnswersRequest, model: LoadedModel) -> None:
        check_task(answer_task(), model)
        Cut(request.removed, model.n_blocks, "asked for")

    def run(self, request: AnswersRequest, turn: Turn) -> Write:
        asked = cast(Sequence[Asked], self.shards(request)[turn.number])
        model = without_blocks(resident_model(request.model), request.removed)
        return answer_shard(model, request, asked, turn).to_parquet

    def shards(self, request: AnswersRequest) -> Sequence[Shard]:
        return shards_for(request.model, request.corpus, TASK)


def answer_shard(model: LoadedModel, request: AnswersRequest, asked: Sequence[Asked], turn: Turn) -> pd.DataFrame:
    """What `model`, whatever was done to it, answers to these questions, as a table with one row a question."""
    prompts = prompts_of(request, model, asked)
    answers, sums = answer_questions(
        model,
        prompts,
        request.most_tokens,
        done=lambda numbers: turn.count(sum(len(asked[number]) for number in numbers)),
        between=lambda: turn.count(0),
    )
    return pd.DataFrame(
        {
            "example": [one.example.id for one in asked],
            "document": [one.document for one in asked],
            "question": [one.example.question for one in asked],
            "references": [list(one.example.answers) for one in asked],
            "answer": [answer.text for answer in answers],
            "prompt_ids": [list(prompt) for prompt in prompts],
            "answer_ids": [list(answer.ids) for answer in answers],
            "logprobs": [list(answer.logprobs) for answer in answers],
            **sums.columns(),
        }
    )


def without_blocks(model: LoadedModel, removed: tuple[int, ...]) -> LoadedModel:
    """The model without these blocks, as a network of its own that shares the weights' memory; the model itself
    when none is removed."""
    if not removed:
        return model
    network = pruned_network(model, [block for block in range(model.n_blocks) if block not in removed])
    blocks = cast(nn.ModuleList, network.get_submodule(model.blocks_path))
    fingerprint = f"{model.fingerprint} without {','.join(map(str, removed))}"
    return replace(model, network=network, blocks=blocks, fingerprint=fingerprint)


def prompts_of(request: AnswersRequest, model: LoadedModel, asked: Sequence[Asked]) -> list[tuple[int, ...]]:
    """The prompts as tokens; one that leaves no room for the answer loses its beginning."""
    longest = longest_sequence(model)
    room = None if longest is None else max(1, longest - request.most_tokens)
    prompts = []
    for one in asked:
        text = question_prompt(one.example.question, request.shots)
        ids = tuple(model.tokenizer(text, truncation=False, padding=False, verbose=False)["input_ids"])
        prompts.append(ids if room is None else ids[-room:])
    return prompts
