"""How likely a model finds each of several continuations of a prompt; all variants at once, as one prefix tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import NumericalError
from avss_core.models.load import LoadedModel
from avss_core.tasks.asked import Asked
from avss_core.tasks.bootstrap import Numbers
from avss_core.tasks.context_length import longest_sequence
from avss_core.tasks.next_token import next_token_nll
from avss_core.tasks.task import ChoiceTask
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.trie import MEMORY_BUDGET, walk
from avss_core.variants.variant import Variant


def score_choices(
    task: ChoiceTask,
    model: LoadedModel,
    asked: Sequence[Asked],
    variants: Sequence[Variant],
    tick: Callable[[int], None],
    memory_budget: int = MEMORY_BUDGET,
    prefixes: KeptPrefixes | None = None,
) -> pd.DataFrame:
    """Which continuation each variant finds likeliest, one row an example and variant.

    Columns kept, document, example, chosen (its number), correct (by log-likelihood a character), correct_by_sum (by
    log-likelihood). prefixes: see `walk`. Raises NumericalError for a likelihood that is not finite.
    """
    fitting = [one.within(longest_sequence(model)) for one in asked]
    likelihoods = log_likelihoods(model, fitting, variants, tick, memory_budget, prefixes)
    rows = []
    for variant in variants:
        for one, found in zip(asked, likelihoods[variant], strict=True):
            _check_finite(found, variant, one)
            characters = [len(text.strip()) for text in task.continuations(one.example)]
            per_character = found / np.array(characters, dtype=np.float64)
            right = task.right(one.example)
            rows.append(
                {
                    "kept": variant.key,
                    "document": one.document,
                    "example": one.example.id,
                    "chosen": int(per_character.argmax()),
                    "correct": credit(per_character, right),
                    "correct_by_sum": credit(found, right),
                }
            )
    return pd.DataFrame(rows)


def credit(scores: Numbers, right: tuple[int, ...]) -> float:
    """1 when the highest score is a right choice's, 0 when it is not; choices that tie for it share the point."""
    best = np.flatnonzero(scores == scores.max())
    return float(np.isin(best, right).mean())


def log_likelihoods(
    model: LoadedModel,
    asked: Sequence[Asked],
    variants: Sequence[Variant],
    tick: Callable[[int], None],
    memory_budget: int = MEMORY_BUDGET,
    prefixes: KeptPrefixes | None = None,
) -> dict[Variant, list[Numbers]]:
    """ln p(continuation | prompt) in nats, for every variant and example an array (continuations,).

    tick is called with the tokens of each batch that is done.
    """
    found = {variant: [np.zeros(len(one.continuations)) for one in asked] for variant in variants}
    places = [(number, row) for number, one in enumerate(asked) for row in range(len(one.rows))]
    windows = [Window(index, 0, asked[number].rows[row]) for index, (number, row) in enumerate(places)]
    for batch in make_batches(windows, model.tokenizer.pad_token_id):
        scored = _scored(batch, asked, places)
        rows, targets = scored.rows.to(model.device), scored.targets.to(model.device)
        losses: dict[Variant, torch.Tensor] = {}
        for variant, hidden in walk(model, batch, variants, memory_budget, prefixes):
            losses[variant] = next_token_nll(model, hidden.flatten(0, 1)[rows], targets)
        # The only time in a batch that the host waits for the device.
        nll = torch.stack([losses[variant] for variant in variants]).cpu().double().tolist()
        for variant, values in zip(variants, nll, strict=True):
            for (number, continuation), value in zip(scored.belongs_to, values, strict=True):
                found[variant][number][continuation] -= value
        tick(batch.tokens)
    return found


@dataclass(frozen=True, eq=False)
class _Scored:
    """Tokens of continuations that a batch predicts, as `Predicted`; belongs_to: (example, continuation) each."""

    rows: torch.Tensor
    targets: torch.Tensor
    belongs_to: list[tuple[int, int]]


def _scored(batch: Batch, asked: Sequence[Asked], places: Sequence[tuple[int, int]]) -> _Scored:
    width = batch.input_ids.shape[1]
    rows: list[int] = []
    targets: list[int] = []
    belongs_to: list[tuple[int, int]] = []
    for sequence, window in enumerate(batch.windows):
        number, row = places[window.document]
        one = asked[number]
        for index, continuation in enumerate(one.continuations):
            if one.row_of(index) == row:
                first = sequence * width + len(one.ids) - 1  # its first token is predicted at the prompt's last
                rows += range(first, first + len(continuation))
                targets += continuation
                belongs_to += [(number, index)] * len(continuation)
    return _Scored(torch.tensor(rows), torch.tensor(targets), belongs_to)


def _check_finite(likelihoods: Numbers, variant: Variant, one: Asked) -> None:
    if not np.isfinite(likelihoods).all():
        raise NumericalError(
            f"Without the blocks {list(variant.removed)} the likelihood of an answer is not finite (example "
            f"{one.example.id}); use --dtype float32, or check the model's weights."
        )
