"""What a network with a classifier head says of a text; all variants at once, as one prefix tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import ModelError, NumericalError
from avss_core.models.heads import names_classifier
from avss_core.models.load import LoadedModel
from avss_core.models.positions import position_arguments
from avss_core.tasks.asked import Asked
from avss_core.tasks.bootstrap import Numbers
from avss_core.tasks.choices import credit
from avss_core.tasks.context_length import longest_sequence
from avss_core.tasks.task import ChoiceTask
from avss_core.variants.block_output import block_output
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.plain_call import plain_arguments
from avss_core.variants.stand_ins import stand_ins
from avss_core.variants.trie import MEMORY_BUDGET, walk
from avss_core.variants.variant import Variant


def is_classifier(model: LoadedModel) -> bool:
    """Whether the network answers with one row of class scores for a sequence."""
    return names_classifier(type(model.network).__name__)


def classes_of(model: LoadedModel) -> int:
    """How many classes a classifier tells apart; 0 for another network."""
    return len(model.network.config.id2label or {}) if is_classifier(model) else 0


def class_numbers(task: ChoiceTask, model: LoadedModel) -> tuple[int, ...]:
    """For every label of the task, the number of the network's class; ModelError when a class has no label."""
    names = {int(number): name for number, name in (model.network.config.id2label or {}).items()}
    by_label = {task.label_number(name): number for number, name in names.items()}
    if set(by_label) != set(range(len(task.labels))) or len(names) != len(task.labels):
        raise ModelError(
            f"The classes of {type(model.network).__name__} ({', '.join(names.values())}) are not those of the task "
            f"{task.name} ({', '.join(task.labels)}); use a model that was trained for it, or a language model."
        )
    return tuple(by_label[label] for label in range(len(task.labels)))


def score_classes(
    task: ChoiceTask,
    model: LoadedModel,
    asked: Sequence[Asked],
    variants: Sequence[Variant],
    tick: Callable[[int], None],
    memory_budget: int = MEMORY_BUDGET,
    prefixes: KeptPrefixes | None = None,
) -> pd.DataFrame:
    """Which class each variant gives each text: columns kept, document, example, chosen (the label's number), correct.

    prefixes: see `walk`. Raises ModelError when the classes are not the task's, NumericalError for scores that are not
    finite.
    """
    classes = list(class_numbers(task, model))
    windows = [Window(number, 0, _tokens(model, one.example.text)) for number, one in enumerate(asked)]
    found: dict[tuple[Variant, int], dict[str, Any]] = {}
    for batch in class_batches(model, windows):
        for variant, hidden in walk(model, batch, variants, memory_budget, prefixes):
            logits = class_logits(model, batch, hidden).float().cpu()[:, classes].double().numpy()
            for window, scores in zip(batch.windows, logits, strict=True):
                one = asked[window.document]
                _check_finite(scores, variant, one)
                found[variant, window.document] = {
                    "kept": variant.key,
                    "document": one.document,
                    "example": one.example.id,
                    "chosen": int(scores.argmax()),
                    "correct": credit(scores, task.right(one.example)),
                }
        tick(sum(len(asked[window.document]) for window in batch.windows))
    return pd.DataFrame([found[variant, number] for variant in variants for number in range(len(asked))])


def class_batches(model: LoadedModel, windows: Sequence[Window], tokens_per_batch: int = 2048) -> list[Batch]:
    """The windows in batches padded with the token that the network itself takes for padding, on the host.

    A decoder finds the end of the text by it; where the network names none, every window is a batch of its own.
    """
    pad_id = getattr(model.network.config.get_text_config(), "pad_token_id", None)
    return make_batches(windows, pad_id, 1 if pad_id is None else tokens_per_batch)


def class_logits(model: LoadedModel, batch: Batch, hidden: Tensor) -> Tensor:
    """Class scores (sequences, classes) of the states (sequences, tokens, hidden) after a variant's last block.

    The network runs on the batch with stand-ins in its blocks' places that answer with these states, so that it pools
    them as it always does: at the first token, or at the last one that is no padding.
    """
    answer_of = block_output(model).wrap(hidden)

    def answer(index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return answer_of

    ids, mask = batch.input_ids.to(model.device), batch.attention_mask.to(model.device)
    with stand_ins(model.blocks, answer), torch.no_grad():
        positions = position_arguments(model, mask)
        logits: Tensor = model.network(
            input_ids=ids, attention_mask=mask, return_dict=True, **positions, **plain_arguments(model)
        ).logits
    return logits


def _tokens(model: LoadedModel, text: str) -> tuple[int, ...]:
    """The text as the tokenizer gives it, cut to the longest sequence with the closing token in its place."""
    longest = longest_sequence(model)
    options = {"truncation": False} if longest is None else {"truncation": True, "max_length": longest}
    return tuple(model.tokenizer(text, padding=False, verbose=False, **options)["input_ids"])


def _check_finite(scores: Numbers, variant: Variant, one: Asked) -> None:
    if not np.isfinite(scores).all():
        raise NumericalError(
            f"Without the blocks {list(variant.removed)} the class scores of example {one.example.id} are not finite; "
            "use --dtype float32, or check the model's weights."
        )
