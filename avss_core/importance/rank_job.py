"""A comparison of methods as units of a job: a unit is a shard of the text, and units may run anywhere, in any order.

check   before anything runs: can the methods be had from this network?
unit    measure one shard; what it returns writes the shard's sums to a file
finish  nothing: whoever reads merges the files (`sums_parquet.rankings_in`, which needs no torch)

One request for each part of `settings.by_pass()` makes every pass a run of its own that later requests find again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from avss_core.corpora.windows import Window
from avss_core.importance.compute import Tick, check_applies, measure_shard
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums_parquet import write_sums
from avss_core.models.load import LoadedModel

__all__ = ["check_applies", "rank_unit"]


def rank_unit(
    model: LoadedModel, shard: Sequence[Window], settings: RankSettings, tick: Tick
) -> Callable[[Path], None]:
    """Measure a shard for all methods of `settings`; tick as in `measure_shard`."""
    return partial(write_sums, measure_shard(model, shard, settings, tick))
