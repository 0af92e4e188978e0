"""Shapley values of the blocks: all coalitions of a few blocks, sampled orders of removal of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray

from avss_core.corpora.batches import Batch
from avss_core.corpora.windows import Window
from avss_core.importance.coalitions import Coalition, all_coalitions, along, exact_values, is_exact, marginals, worth
from avss_core.importance.methods.shapley import MARGINAL, RUN
from avss_core.importance.passes.log_probabilities import vocabulary_of
from avss_core.importance.passes.measured import ByDocument, Done, Measured, batches_of
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import rows_of
from avss_core.models.load import LoadedModel
from avss_core.tasks.next_token import next_token_nll, predicted_tokens
from avss_core.variants.plan import count_block_runs
from avss_core.variants.trie import walk
from avss_core.variants.variant import Variant

_REMOVALS_AT_ONCE = 4  # run together, so that they share what they can, before looking whether all is lost
Values = NDArray[np.float64]


def coalitions_pass(model: LoadedModel, windows: Sequence[Window], settings: RankSettings, done: Done) -> Measured:
    """φ(ℓ) of every block: exact where all coalitions fit into the budget of block runs, else from sampled orders.

    Either way of stretches of `settings.sample_tokens`, each of which has a worth of its own: it is cut off at chance,
    so that what is cut off must not depend on which stretches are run together.
    """
    stretches = _stretches(windows, settings.sample_tokens)
    if not stretches:
        done(1.0)
        return Measured([], block_tokens=0.0)
    if is_exact(model.n_blocks, settings.budget):
        return _exact(model, stretches, done)
    return _sampled(model, windows, stretches, settings, done)


def _exact(model: LoadedModel, stretches: Sequence[Window], done: Done) -> Measured:
    """Every coalition on every stretch; a sample is a document."""
    coalitions, tokens = all_coalitions(model.n_blocks), sum(map(len, stretches))
    tables = []
    for batch in batches_of(model, stretches):
        losses = _losses(model, batch, coalitions)
        worths = worth(losses, losses[-1], _chance(model))
        values = exact_values(dict(zip(coalitions, worths, strict=True)), model.n_blocks)
        predictions = np.array([len(stretch) - 1.0 for stretch in batch.windows])
        by_document = ByDocument.of([stretch.document for stretch in batch.windows])
        sums, weights = by_document.add_up(values * predictions), by_document.add_up(predictions)
        tables.append(rows_of(MARGINAL, by_document.documents, sums, weights))
        done(batch.tokens / tokens)
    return Measured(tables, block_tokens=float(tokens * (2**model.n_blocks - 1)))


def _sampled(
    model: LoadedModel, windows: Sequence[Window], stretches: Sequence[Window], settings: RankSettings, done: Done
) -> Measured:
    """Pairs of orders, each on one stretch of the text, until the budget is spent; a sample is a pair.

    Stretches are taken in turn, in a random order. A pair is an order and its reverse: a block that goes early in one
    goes late in the other, which evens out much of the chance in a single order. The seed fixes everything.
    """
    shuffled = np.random.default_rng([settings.seed, windows[0].document, windows[0].start]).permutation(len(stretches))
    allowed, spent = float(settings.budget * sum(map(len, windows))), 0.0
    documents, repeats, values, predictions, coalitions = [], [], [], [], 0
    for number in count():
        stretch = stretches[shuffled[number % len(stretches)]]
        seed = [settings.seed, stretch.document, stretch.start, number // len(stretches)]
        order = np.random.default_rng(seed).permutation(model.n_blocks).tolist()
        pair = _remove_along(model, stretch, [order, order[::-1]])
        documents.append(stretch.document)
        # Tells apart the pairs on one document: by where the stretch starts, and how often it has been used.
        repeats.append(stretch.start * 2**20 + number // len(stretches))
        values.append(pair.values * (len(stretch) - 1))
        predictions.append(float(len(stretch) - 1))
        coalitions += pair.coalitions
        done(min(pair.block_tokens, allowed - spent) / allowed)
        spent += pair.block_tokens
        if spent >= allowed:
            break
    tables = [
        rows_of(MARGINAL, documents, np.stack(values), np.array(predictions), repeats=repeats),
        # In block 0's column, since it belongs to none.
        rows_of(RUN, [windows[0].document], np.array([[float(coalitions)]]), np.array([2.0 * len(values)])),
    ]
    return Measured(tables, block_tokens=spent)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Orders of removal on one stretch: the mean of what each block was worth, (M,), and what it took."""

    values: Values
    coalitions: int
    block_tokens: float


def _remove_along(model: LoadedModel, stretch: Window, orders: Sequence[Sequence[int]]) -> _Pair:
    """Remove blocks along each order until nothing is left to lose."""
    (batch,) = batches_of(model, [stretch])
    paths = [along(order) for order in orders]
    losses: dict[Coalition, float] = {}
    worths: list[list[float]] = [[] for _ in orders]
    running, block_runs = set(range(len(orders))), 0
    for first in range(0, model.n_blocks + 1, _REMOVALS_AT_ONCE):
        ahead = {coalition for i in running for coalition in paths[i][first : first + _REMOVALS_AT_ONCE]}
        wanted = sorted(ahead - losses.keys())
        block_runs += count_block_runs([Variant(coalition, model.n_blocks) for coalition in wanted])
        losses |= zip(wanted, _losses(model, batch, wanted)[:, 0].tolist(), strict=True)
        whole = losses[paths[0][0]]
        for i in sorted(running):
            loss = np.array([losses[coalition] for coalition in paths[i][first : first + _REMOVALS_AT_ONCE]])
            worths[i] += worth(loss, np.array(whole), _chance(model)).tolist()
            lost = next((at for at, value in enumerate(worths[i]) if value == 0.0), None)
            if lost is not None:
                del worths[i][lost + 1 :]
                running.discard(i)
        if not running:
            break
    values = np.mean([marginals(order, found) for order, found in zip(orders, worths, strict=True)], axis=0)
    return _Pair(values, len(losses), float(block_runs * len(stretch)))


def _losses(model: LoadedModel, batch: Batch, coalitions: Sequence[Coalition]) -> Values:
    """Mean −ln p of the next token under each coalition, (coalitions, stretches of the batch)."""
    predicted = predicted_tokens(batch)
    rows, targets = predicted.rows.to(model.device), predicted.targets.to(model.device)
    place = {coalition: index for index, coalition in enumerate(coalitions)}
    found = [torch.empty(0)] * len(coalitions)
    for variant, hidden in walk(model, batch, [Variant(coalition, model.n_blocks) for coalition in coalitions]):
        found[place[variant.kept]] = next_token_nll(model, hidden.flatten(0, 1)[rows], targets)
    # Grouped by row of the batch; each has a token to predict.
    by_stretch = ByDocument.of((predicted.rows // batch.input_ids.shape[1]).numpy())
    nll = torch.stack(found).cpu().double().numpy()
    losses: Values = (by_stretch.add_up(nll) / by_stretch.count()[:, None]).T
    return losses


def _chance(model: LoadedModel) -> float:
    """Loss of guessing among all tokens alike, in nats per token."""
    return math.log(vocabulary_of(model))


def _stretches(windows: Sequence[Window], length: int) -> list[Window]:
    """The windows cut into pieces of at most `length` tokens, those with a token to predict."""
    pieces = [
        Window(window.document, window.start + start, window.ids[start : start + length])
        for window in windows
        for start in range(0, len(window), length)
    ]
    return [piece for piece in pieces if len(piece) > 1]
