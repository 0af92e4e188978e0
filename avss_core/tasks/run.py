"""Run any task on a shard, for many pruned variants of a model: the same call for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import pandas as pd

from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import ModelError, SettingError
from avss_core.models.load import LoadedModel
from avss_core.tasks import perplexity
from avss_core.tasks.answers import score_answers
from avss_core.tasks.asked import Asked, Shard
from avss_core.tasks.choices import score_choices
from avss_core.tasks.classes import class_numbers, is_classifier, score_classes
from avss_core.tasks.registry import task_named
from avss_core.tasks.task import AnswerTask, ChoiceTask, Task
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.variant import Variant

Tick = Callable[[int], None]


def run_task(
    name: str,
    model: LoadedModel,
    shard: Shard,
    variants: Iterable[Variant],
    tick: Tick = lambda tokens: None,
    prefixes: KeptPrefixes | None = None,
) -> pd.DataFrame:
    """Per-example values of every variant on one shard (from `asked.shards_of_task`).

    Columns kept (`"0,1,2"`), document, for tasks with examples also example (its id), and the task's values; tables of
    several shards are concatenated, and `Task.summarise` takes the rows of one variant. tick is called between batches
    with the tokens that are done, and may raise to stop. prefixes: see `walk`; of no use to tasks whose variants share
    none. Raises what `check_task` raises, CutError for variants of another model, NumericalError for values that are
    not finite.
    """
    task, chosen = task_named(name), tuple(dict.fromkeys(variants))
    check_task(task, model)
    if not chosen:
        raise SettingError("No cut was given to evaluate; name one, or the empty one for the whole model.")
    if isinstance(task, AnswerTask):
        return score_answers(task, model, cast(Sequence[Asked], shard), chosen, tick)
    if isinstance(task, ChoiceTask):
        score = score_classes if task.labels and is_classifier(model) else score_choices
        return score(task, model, cast(Sequence[Asked], shard), chosen, tick, prefixes=prefixes)
    frames = []
    for batch in make_batches(cast(Sequence[Window], shard), model.tokenizer.pad_token_id):
        frames.append(perplexity.score(model, [batch], chosen, between_variants=lambda: tick(0), prefixes=prefixes))
        tick(batch.tokens)
    return pd.concat(frames, ignore_index=True)


def check_task(task: Task, model: LoadedModel) -> None:
    """Raise ModelError when the model has neither a head that predicts the next token nor another that fits."""
    if isinstance(task, ChoiceTask) and task.labels and is_classifier(model):
        class_numbers(task, model)
    elif not model.predicts_next_token:
        or_else = " or a classifier of these labels" if isinstance(task, ChoiceTask) and task.labels else ""
        raise ModelError(
            f"{type(model.network).__name__} does not predict the next token, so it cannot do the task {task.name}; "
            f"use a causal language model{or_else}."
        )
