"""The two ways in which a worker goes through shards: one after another, or side by side with a twin of the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import torch

from avss_core.corpora.windows import Window
from avss_core.models.load import LoadedModel

Work = Callable[[LoadedModel, Sequence[Window]], None]
Way = Callable[[Work, Sequence[Sequence[Window]]], None]


def one_after_another(model: LoadedModel, work: Work, shards: Sequence[Sequence[Window]]) -> None:
    """All of torch's threads at one shard."""
    for shard in shards:
        work(model, shard)


def models_at_work(models: Sequence[LoadedModel]) -> Way:
    """As many threads as models; each takes the next shard that is left and has one of torch's threads."""
    idle: SimpleQueue[LoadedModel] = SimpleQueue()
    for model in models:
        idle.put(model)
    pool = ThreadPoolExecutor(len(models), initializer=torch.set_num_threads, initargs=(1,))

    def side_by_side(work: Work, shards: Sequence[Sequence[Window]]) -> None:
        def one(shard: Sequence[Window]) -> None:
            model = idle.get()
            work(model, shard)
            idle.put(model)

        list(pool.map(one, shards))

    return side_by_side
