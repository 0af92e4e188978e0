"""The network of a healing run, made again to be evaluated, also where a plain model folder could not hold it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from torch import nn
from transformers import PreTrainedModel

from avss_core.errors import RunError
from avss_core.jobs.heal_results import heal_request, healed_files, healing_of
from avss_core.jobs.resident import model_beside
from avss_core.jobs.warm_up import import_later
from avss_core.models.load import LoadedModel
from avss_core.models.spec import ModelSpec
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


def healed_model(store: Store, run_id: str, spec: ModelSpec, removed: tuple[int, ...]) -> LoadedModel:
    """The network of a healing as a model of its own, in this thread's lane; raises what `network_of_healing` raises.

    Kept beside the model of `spec`, since every shard of a text asks for it; one healing at a time.
    """
    run = store.run(run_id)

    def make(model: LoadedModel) -> LoadedModel:
        network = network_of_healing(store, run.id, model, removed)
        blocks = cast(nn.ModuleList, network.get_submodule(model.blocks_path))
        return replace(model, network=network, blocks=blocks, fingerprint=f"{model.fingerprint} healed by {run.id}")

    # Deleted and made again, a run has its old id, but not the time.
    return model_beside(spec, "healed", (store.url, run.id, run.created, removed), make)
