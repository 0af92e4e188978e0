"""Profiles: the moments of a shard, as Parquet; nothing to finish, since readers merge the shards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from avss_core.activations.measure import measure
from avss_core.activations.parquet import read_profile, write_profile
from avss_core.corpora.windows import Window
from avss_core.importance.stability import STABLE, set_stability
from avss_core.jobs.requests import ProfileRequest
from avss_core.jobs.resident import resident_model
from avss_core.jobs.works.base import Turn, Work, Write
from avss_core.runs import Run, Store


class ProfileWork(Work):
    """It may end early, when the set of lowest blocks is settled; shards begun by then may still come in."""

    side_by_side = True

    def run(self, request: ProfileRequest, turn: Turn) -> Write:
        model = resident_model(request.model)
        windows = cast(Sequence[Window], self.shards(request)[turn.number])
        return partial(write_profile, measure(model, windows, request.sites, between_batches=turn.count))

    def enough(self, request: ProfileRequest, run: Run, store: Store) -> bool:
        if request.stop_when_stable is None:
            return False
        files = [store.path_of(unit.file) for unit in store.units(run.id)]
        shards = [read_profile(file) for file in files if file.is_file()]  # one that is lost is measured again
        if not shards:
            return False
        first = next(site for site in request.sites if site in shards[0].sites)  # this model may not have the others
        return set_stability(shards, request.stop_when_stable, first) >= STABLE
