"""From the sums that the passes left to rankings with intervals. No torch: pages and shell compute them too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from avss_core.errors import CorpusError, NumericalError
from avss_core.importance.activation_sums import resolve_epsilon
from avss_core.importance.costs import tokens_in, total_cost
from avss_core.importance.method import Array
from avss_core.importance.ranking import Ranking
from avss_core.importance.registry import Chosen
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import DRAWS, FEWEST, Table


def rankings_of(
    parts: Sequence[pd.DataFrame], settings: RankSettings, n_blocks: int, draws: int = DRAWS
) -> tuple[Ranking, ...]:
    """One ranking for each method of `settings`, from the tables of all shards in any order.

    Raises NumericalError when a score is not finite, CorpusError when the text has nothing to score blocks by.
    """
    table = resolve_epsilon(pd.concat(parts, ignore_index=True), settings.epsilon, n_blocks)
    sums, tokens = Table(table, n_blocks), max(tokens_in(table), 1.0)
    return tuple(_ranking(chosen, settings, table, sums, tokens, draws) for chosen in settings.chosen)


def _ranking(
    chosen: Chosen, settings: RankSettings, rows: pd.DataFrame, table: Table, tokens: float, draws: int
) -> Ranking:
    method, reading, sums = chosen.method, settings.reading(chosen), table.sums()
    scores = method.score(sums, reading)
    samples = sums.samples_read
    _check(chosen, scores)
    error = low = high = None
    if samples >= FEWEST:
        drawn = np.concatenate([method.score(some, reading) for some in table.resampled(settings.seed, draws)])
        error = np.nanstd(drawn, axis=0, ddof=1)
        low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    cost = total_cost(rows, method.needs)
    return Ranking(
        name=chosen.name,
        method=method,
        scores=tuple(scores.tolist()),
        standard_error=_numbers(error),
        low=_numbers(low),
        high=_numbers(high),
        samples=samples,
        seconds=cost.seconds,
        block_runs=cost.block_tokens / tokens,
        peak_bytes=cost.peak_bytes,
        details=method.details(sums, reading),
    )


def _check(chosen: Chosen, scores: Array) -> None:
    if np.isnan(scores).all():
        raise CorpusError(
            f"The text has nothing to score blocks by {chosen.name}: each window is one token; give a longer text."
        )
    if not np.isfinite(scores).all():
        block = int(np.argmin(np.isfinite(scores)))
        raise NumericalError(f"The {chosen.name} score of block {block} is not finite; try --dtype float32.")


def _numbers(values: Array | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(np.asarray(values).tolist())
