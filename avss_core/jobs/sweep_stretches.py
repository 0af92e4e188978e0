"""How far the state turns over every stretch of blocks, from finished rankings. No torch here."""

from __future__ import annotations

import pandas as pd

from avss_core.importance.methods import angular
from avss_core.importance.sums import Table
from avss_core.importance.sums_parquet import read_sums
from avss_core.jobs.requests import RankRequest
from avss_core.runs import Store

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
