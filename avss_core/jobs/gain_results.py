"""Read measured gains from the store. No torch here."""

from __future__ import annotations

import pandas as pd

from avss_core.jobs.requests.base import absolute_model
from avss_core.jobs.requests.gain import GainRequest
from avss_core.jobs.results import only_file
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store


def gain_in(store: Store, request: GainRequest) -> pd.DataFrame | None:
    """The table of a measurement, as `pruning.gain_table.gain_table` describes it; None while it is not done."""
    file = only_file(store, request)
    return None if file is None else pd.read_parquet(file)


def latest_gain(
    store: Store, model: ModelSpec, removed: tuple[int, ...], healing: str | None = None
) -> GainRequest | None:
    """What was measured last of this cut, healed by this run or not at all; None when nothing was."""
    wanted, identity = (absolute_model(model).source, sorted(removed), healing), model.identity()
    for run in store.runs(GainRequest.kind, limit=None):
        asked = (run.spec["model"]["source"], run.spec["removed"], run.spec["healing"])
        if run.status == "done" and asked == wanted:
            request = GainRequest.from_dict(run.spec)
            if request.model.identity() == identity and request.run_id() == run.id:  # else files were changed since
                return request
    return None
