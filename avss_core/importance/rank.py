"""Score every block of a model by several methods, on the same text. Needs torch."""

from __future__ import annotations

from collections.abc import Sequence

from avss_core.corpora.windows import Window, shard_windows
from avss_core.errors import CorpusError
from avss_core.importance.compute import Tick, measure_shard
from avss_core.importance.ranking import Ranking
from avss_core.importance.rankings import rankings_of
from avss_core.importance.settings import RankSettings
from avss_core.models.load import LoadedModel


def rank(
    model: LoadedModel,
    windows: Sequence[Window],
    settings: RankSettings | None = None,
    tick: Tick = lambda tokens: None,
) -> tuple[Ranking, ...]:
    """One ranking for each method of `settings` (all methods by default), in its order.

    What several methods need is measured once. The same settings, seed included, give the same rankings. Raises
    ModelError when a method cannot be had from this network, CorpusError without text, NumericalError when a score is
    not finite.
    """
    settings = settings or RankSettings()
    if not windows:
        raise CorpusError("There is no text to score blocks by; give at least one window of tokens.")
    parts = [measure_shard(model, shard, settings, tick) for shard in shard_windows(list(windows))]
    return rankings_of(parts, settings, model.n_blocks)
