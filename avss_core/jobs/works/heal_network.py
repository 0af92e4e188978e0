"""The network of a healing run, made again to be evaluated, also where a plain model folder could not hold it."""

from __future__ import annotations

from transformers import PreTrainedModel

from avss_core.errors import RunError
from avss_core.jobs.heal_results import heal_request, healed_files, healing_of
from avss_core.jobs.warm_up import import_later
from avss_core.models.load import LoadedModel
from avss_core.runs import Store
from avss_core.variants.variant import Variant


def network_of_healing(store: Store, run_id: str, model: LoadedModel, removed: tuple[int, ...]) -> PreTrainedModel:
    """The pruned network with its maps and, where it was trained, its adapters merged; `model` is not changed.

    Raises what `healing_of` and `network_from_files` raise, and RunError when the run is of another model or healed
    nothing.
    """
    # It needs peft, which other jobs do without.
    network_from_files = import_later("avss_core.pruning.healing.from_files").network_from_files
    run = healing_of(store, run_id, removed)
    request, files = heal_request(store, run.id), healed_files(store, run.id)
    if run.facts.get("model_identity") != model.spec.identity():
        raise RunError(
            f"The healing run {run.id} healed {request.model.source} as its files were then, not this model; name the "
            "model that it healed, or heal again."
        )
    trained = request.training is not None
    if not trained and not files.linear_maps():
        raise RunError(f"No map helped in the healing run {run.id}, so nothing is healed; evaluate the cut itself.")
    network: PreTrainedModel = network_from_files(model, Variant.without(model.n_blocks, removed), files, trained)
    return network
