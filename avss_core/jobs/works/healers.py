"""How the network of a healing run is made again, by the kind of run. To add one: a function, and its line here."""

from __future__ import annotations

from avss_core.errors import RunError
from avss_core.jobs.requests.heal import HealRequest
from avss_core.jobs.works.heal_export import healed_by_run
from avss_core.jobs.works.healed import Healed, Healer
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.runs import Store

HEALERS: dict[str, Healer] = {
    HealRequest.kind: healed_by_run,
}


def healed_in(store: Store, run_id: str | None, model: LoadedModel, cut: Cut) -> Healed | None:
    """The network of a healing run, None when no run is named.

    Raises RunError when the run is not done or did not heal anything, and what its healer raises.
    """
    if run_id is None:
        return None
    run = store.run(run_id)
    if run.kind not in HEALERS:
        raise RunError(f"Run {run.id} is a run of kind {run.kind}, which heals nothing; name a healing run.")
    if run.status != "done":
        raise RunError(f"The healing run {run.id} is {run.status}; finish it first.")
    return HEALERS[run.kind](store, run, model, cut)
