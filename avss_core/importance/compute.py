"""Runs the passes that the chosen methods need, each once, over one shard of the text. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from avss_core.corpora.windows import Window
from avss_core.errors import NumericalError
from avss_core.importance.costs import TOKENS, Spent, cost_rows
from avss_core.importance.lrp.methods import ALPHA_BETA, ATTNLRP, LRP
from avss_core.importance.lrp.relevance_pass import relevance_pass
from avss_core.importance.method import PASSES, Needs
from avss_core.importance.passes.coalitions import coalitions_pass
from avss_core.importance.passes.forward import forward_pass
from avss_core.importance.passes.gradients import gradients_pass
from avss_core.importance.passes.measured import Pass
from avss_core.importance.passes.variants import variants_pass
from avss_core.importance.passes.weights import weights_pass
from avss_core.importance.peak_bytes import PeakBytes
from avss_core.importance.registry import check_fits, fitting
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import NO_BLOCK, add_up, fact_row
from avss_core.models.load import LoadedModel
from avss_core.tasks.classes import classes_of

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Listed:
    """A pass, one of the needs that it meets, and about how many block runs it takes for M blocks and a budget."""

    meets: Needs
    run: Pass
    block_runs: Callable[[int, int], float]


LISTED: tuple[Listed, ...] = (
    Listed(Needs.WEIGHTS, weights_pass, lambda n, budget: 0.1),
    Listed(Needs.STATES, forward_pass, lambda n, budget: n),
    Listed(Needs.GRADIENTS, gradients_pass, lambda n, budget: 3 * n),
    Listed(LRP.needs, partial(relevance_pass, variant=LRP.name), lambda n, budget: 4 * n),
    Listed(ATTNLRP.needs, partial(relevance_pass, variant=ATTNLRP.name), lambda n, budget: 4 * n),
    Listed(ALPHA_BETA.needs, partial(relevance_pass, variant=ALPHA_BETA.name), lambda n, budget: 9 * n),
    Listed(Needs.VARIANTS, variants_pass, lambda n, budget: n * (n + 1) / 2),
    Listed(Needs.COALITIONS, coalitions_pass, lambda n, budget: budget),
)


def measure_shard(
    model: LoadedModel, windows: Sequence[Window], settings: RankSettings, tick: Tick = lambda tokens: None
) -> pd.DataFrame:
    """The sums of whole documents for all methods of `settings`: a table to put under those of the other shards.

    tick: called often; its numbers add up to the tokens of the shard; may raise Cancelled. Raises ModelError when a
    method cannot be had from this network, NumericalError when what it is made of is not a number.
    """
    check_applies(model, settings)
    document, tokens = windows[0].document, sum(map(len, windows))
    needed = [(_listed(met), met & settings.needs) for met in PASSES if met & settings.needs]
    whole = sum(listed.block_runs(model.n_blocks, settings.budget) for listed, _ in needed)
    meter = _Meter(tick, tokens)
    tables = [fact_row(TOKENS, document, tokens)]
    for listed, needs in needed:
        share = listed.block_runs(model.n_blocks, settings.budget) / whole
        memory = PeakBytes(model.device)
        started = time.perf_counter()
        measured = listed.run(model, windows, settings, meter.part(share))
        seconds = time.perf_counter() - started
        tables += measured.tables
        for need in sorted(needs):
            tables += cost_rows(need, document, Spent(seconds, measured.block_tokens, memory.bytes()))
    meter.finish()
    found = pd.concat(tables, ignore_index=True)
    _check(found)
    return add_up(found)


def _check(found: pd.DataFrame) -> None:
    """Adding up would pass over what is not a number, and a block that broke the network would score 0."""
    lost = found[(found["block"] != NO_BLOCK) & (found["weight"] > 0) & found["value"].isna()]
    if len(lost):
        what, block = lost.sort_values("block", kind="stable").iloc[0][["statistic", "block"]]
        raise NumericalError(f"The {what} of block {block} is not a number; try --dtype float32.")


def check_applies(model: LoadedModel, settings: RankSettings) -> None:
    """Raise ModelError, in one sentence, when a chosen method asks for what this network does not have."""
    able = fitting(model.predicts_next_token, has_head(model), has_classes(model))
    check_fits(settings.chosen, able, type(model.network).__name__)


def has_head(model: LoadedModel) -> bool:
    """Whether the network answers with more than hidden states: logits over tokens or labels."""
    return model.base is not model.network


def has_classes(model: LoadedModel) -> bool:
    """Whether the network is a classifier with a choice; one with a single output has no distribution over classes."""
    return classes_of(model) > 1


def _listed(met: frozenset[Needs]) -> Listed:
    return next(listed for listed in LISTED if listed.meets in met)


class _Meter:
    """Turns shares of passes into tokens."""

    def __init__(self, tick: Tick, tokens: int) -> None:
        self._tick, self._tokens = tick, tokens
        self._done, self._told = 0.0, 0

    def part(self, share: float) -> Callable[[float], None]:
        """What a pass calls that is so large a share of all."""

        def done(part: float) -> None:
            self._done += share * part
            self._tell(min(int(self._done * self._tokens), self._tokens))

        return done

    def finish(self) -> None:
        """All is done; tell what rounding has kept back."""
        self._tell(self._tokens)

    def _tell(self, tokens: int) -> None:
        self._tick(tokens - self._told)
        self._told = tokens
