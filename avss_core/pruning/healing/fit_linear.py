"""Healing without training: a linear map across each gap, fitted on calibration text, kept only where it helps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import CutError
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.healing.evaluate import score_network
from avss_core.pruning.healing.gap import Sides
from avss_core.pruning.healing.healed import healed_network, put_in
from avss_core.pruning.healing.judge import Judge
from avss_core.pruning.healing.linear_map import LinearHealing, LinearMap, Trial
from avss_core.pruning.healing.projection import foldable_projection
from avss_core.pruning.healing.ridge import Solution, Sums, solve
from avss_core.pruning.healing.settings import LinearSettings
from avss_core.pruning.healing.split import some_windows, split_documents
from avss_core.pruning.healing.stretches import Stretch, stretches_of
from avss_core.pruning.healing.walk import states_fit
from avss_core.tasks.evaluation import Evaluation
from avss_core.tasks.perplexity_table import summarise
from avss_core.variants.trie import MEMORY_BUDGET
from avss_core.variants.variant import Variant

Count = Callable[[int], None]


def heal_linear(
    model: LoadedModel,
    variant: Variant,
    windows: Sequence[Window],
    settings: LinearSettings | None = None,
    between_batches: Count = lambda tokens: None,
    memory_budget: int = MEMORY_BUDGET,
) -> LinearHealing:
    """Fit, for each removed stretch in turn, a linear map from the state before it to the state after it.

    The state before it is that of the pruned model with the maps found so far, so a map also takes back what is left
    of earlier gaps; the state after it is the whole model's. Of the sums that `ridge` needs only those of one stretch
    are held; of states two for each token as long as they fit `memory_budget` (bytes), else none, and blocks are run
    again. All shrinkages are judged by the loss of the whole pruned model on the documents held out of `windows`;
    a map that does not lower it is left out, and so are all maps if together they do not.

    windows: of the calibration part of a corpus, never of the part that is evaluated. between_batches: called with
    the tokens of every batch, stretches × all tokens in total; may raise Cancelled.

    Raises CutError when the variant is of another model, removes nothing or everything; CorpusError when there is
    only one document; NumericalError when states are not finite; ModelError when the pruned model cannot be built.
    """
    started = time.perf_counter()
    settings = settings or LinearSettings()
    _check(model, variant)
    fitted, judging = split_documents(some_windows(windows, settings.tokens), settings.held_out)
    pad = getattr(model.tokenizer, "pad_token_id", None)
    batches, judges = make_batches(fitted, pad), make_batches(judging, pad)
    holds = states_fit(model, [*batches, *judges], memory_budget)
    pruned = wrap(healed_network(model, variant), model.tokenizer)
    sides = [Sides(model, pruned, batch, holds) for batch in batches]
    judging_sides = [Sides(model, pruned, batch, holds) for batch in judges]
    maps: list[LinearMap] = []
    trials: list[Trial] = []
    for stretch in stretches_of(variant):
        projection = _projection(sides[0], stretch) if settings.fold else ""
        sums = _add_up(sides, stretch, projection, between_batches)
        offset = not projection or _has_bias(pruned, stretch, projection)
        solutions = list(solve(sums, settings.shrinkages, offset))
        judge = Judge(pruned, stretch, solutions)
        for side in judging_sides:
            judge.add(side.batch, side.pruned_calls, side.gap(stretch, projection))
            between_batches(side.batch.tokens)
        trials += judge.trials()
        best = judge.best()
        if best is not None:
            maps.append(_linear_map(stretch, projection, solutions[best]))
            put_in(pruned.blocks, maps[-1])
    before, after = _before_and_after(model, variant, maps, judges)
    help_together = before is None or after is None or after.value < before.value
    dropped = bool(maps) and not help_together
    if not help_together:
        maps, trials, after = [], _all_left(trials), before
    return LinearHealing(
        variant=variant,
        settings=settings,
        maps=tuple(maps),
        trials=tuple(trials),
        before=before,
        after=after,
        fitted_tokens=sum(map(len, fitted)),
        held_out_tokens=sum(map(len, judging)),
        seconds=time.perf_counter() - started,
        dropped=dropped,
    )


def _check(model: LoadedModel, variant: Variant) -> None:
    if variant.n_blocks != model.n_blocks:
        raise CutError(
            f"A cut of {variant.n_blocks} blocks does not fit {type(model.network).__name__}, which has "
            f"{model.n_blocks}; make the cut for this model."
        )
    if not variant.removed:
        raise CutError("The cut removes no block, so there is nothing to heal; remove at least one.")


def _projection(side: Sides, stretch: Stretch) -> str:
    if not stretch.place:
        return ""
    block = stretch.place - 1
    return foldable_projection(side.pruned_calls, block, side.before_block(block))


def _has_bias(pruned: LoadedModel, stretch: Stretch, projection: str) -> bool:
    return getattr(pruned.blocks[stretch.place - 1].get_submodule(projection), "bias", None) is not None


def _add_up(sides: Sequence[Sides], stretch: Stretch, projection: str, between_batches: Count) -> Sums:
    total: Sums | None = None
    for side in sides:
        sums = side.gap(stretch, projection).sums()
        total = sums if total is None else total + sums
        between_batches(side.batch.tokens)
    assert total is not None  # the split leaves a document on either side
    return total


def _linear_map(stretch: Stretch, projection: str, solution: Solution) -> LinearMap:
    return LinearMap(
        stretch,
        "neurons" if projection else "state",
        projection,
        solution.weight.astype(np.float32),
        None if solution.offset is None else solution.offset.astype(np.float32),
        solution.shrinkage,
    )


def _all_left(trials: Sequence[Trial]) -> list[Trial]:
    """The same trials where every gap was left as it is, which is the first of each stretch."""
    groups = groupby(trials, key=lambda trial: trial.stretch)
    return [replace(trial, chosen=place == 0) for _, group in groups for place, trial in enumerate(group)]


def _before_and_after(
    model: LoadedModel, variant: Variant, maps: Sequence[LinearMap], judges: Sequence[Batch]
) -> tuple[Evaluation | None, Evaluation | None]:
    """Perplexity on the held-out text, through the same code as any other variant."""
    if not model.predicts_next_token or all(len(window) < 2 for batch in judges for window in batch.windows):
        return None, None
    networks = [healed_network(model, variant), healed_network(model, variant, maps)]
    before, after = (summarise(score_network(model, network, judges)) for network in networks)
    return before, after
