"""Stretches of consecutive blocks, from finished rankings: what Gromov et al. remove at each size. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pandas as pd

from avss_core.importance.methods import angular
from avss_core.importance.sums import Table
from avss_core.importance.sums_parquet import read_sums
from avss_core.jobs.requests import RankRequest
from avss_core.pruning.contiguous import stretch_by_distance
from avss_core.runs import Store

Blocks = tuple[int, ...]
ANGULAR = angular.METHOD.name


def angular_distances(store: Store, request: RankRequest) -> dict[int, tuple[float, ...]]:
    """d(ℓ, ℓ + n) for n = 1 … M − 1: for each n those of every first block ℓ, (M − n + 1,), angles / π.

    request: finished rankings with the angular distance among its methods; RunError when a part of it is not there.
    """
    runs = [store.run(part.run_id()) for part in request.parts()]
    tables = [read_sums(store.path_of(unit.file)) for run in runs for unit in store.units(run.id)]
    n_blocks = int(runs[0].facts["blocks"])
    sums = Table(pd.concat(tables, ignore_index=True), n_blocks).sums()
    return {n: tuple(angular.distances(sums, n).tolist()) for n in range(1, n_blocks)}


def best_stretches(
    distances: Mapping[int, Sequence[float]], n_blocks: int, protected: Sequence[int], most: int
) -> tuple[Blocks, ...]:
    """For n = 0 … `most` the n consecutive blocks over which the hidden state turns least, from `angular_distances`.

    Lengths that cannot be had without a protected block are left out.
    """
    walls = [-1, *sorted(set(protected)), n_blocks]
    longest = max(right - left - 1 for left, right in pairwise(walls))
    sizes = range(1, min(most, longest, n_blocks - 1) + 1)
    return ((), *[stretch_by_distance(distances[n], n_blocks, n, protected).cut.removed for n in sizes])
