"""Scores variants by any task, for a search. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from avss_core.models.load import LoadedModel
from avss_core.pruning.search.scoring import Frames, LossOf
from avss_core.tasks.asked import Shard
from avss_core.tasks.run import run_task
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.variant import Variant


def task_scorer(
    model: LoadedModel,
    task: str,
    shards: Sequence[Shard],
    tick: Callable[[int], None] = lambda tokens: None,
    prefixes: KeptPrefixes | None = None,
) -> LossOf:
    """A callable from variants to the task's per-example values, the same rows that an evaluation of them keeps.

    All variants of a call are run together on each shard (from `asked.shards_of_task`). tick: called between batches
    with the tokens that are done; may raise Cancelled. prefixes: keeps states from call to call. The callable raises
    what `run_task` raises.
    """

    def frames_of(variants: Sequence[Variant]) -> Frames:
        table = pd.concat(
            [run_task(task, model, shard, variants, tick, prefixes) for shard in shards], ignore_index=True
        )
        rows = dict(iter(table.groupby("kept", sort=False)))
        nothing = table.iloc[:0]
        return {v: rows.get(v.key, nothing).drop(columns="kept").reset_index(drop=True) for v in variants}

    return frames_of
