"""Rankings: sums of a shard for all methods that are asked for; readers add the shards up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from avss_core.corpora.windows import Window
from avss_core.importance.rank_job import check_applies, rank_unit
from avss_core.jobs.requests import RankRequest
from avss_core.jobs.resident import resident_model
from avss_core.jobs.works.base import Turn, Work, Write
from avss_core.models.load import LoadedModel


class RankWork(Work):
    """One pass for all methods that share it."""

    def check(self, request: RankRequest, model: LoadedModel) -> None:
        check_applies(model, request.settings)

    def run(self, request: RankRequest, turn: Turn) -> Write:
        windows = cast(Sequence[Window], self.shards(request)[turn.number])
        return rank_unit(resident_model(request.model), windows, request.settings, turn.count)
