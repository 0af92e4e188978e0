"""The authors' script: sums of a shard as it makes them; readers add the shards up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from avss_core.corpora.windows import Window
from avss_core.importance.authors_script import authors_sums
from avss_core.jobs.requests import AuthorsRequest
from avss_core.jobs.resident import resident_model
from avss_core.jobs.works.base import Turn, Work, Write


class AuthorsWork(Work):
    """Activations, gradients and weights in one pass."""

    def run(self, request: AuthorsRequest, turn: Turn) -> Write:
        windows = cast(Sequence[Window], self.shards(request)[turn.number])
        return authors_sums(resident_model(request.model), windows, turn.count).to_parquet
