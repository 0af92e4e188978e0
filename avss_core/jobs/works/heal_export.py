"""What a healing run gives to an export: the trained network where it trained one, else the network with its maps."""

from __future__ import annotations

from avss_core.errors import RunError
from avss_core.jobs.heal_results import HealResult, heal_result, healed_files, healing_of, scores_of
from avss_core.jobs.works.healed import Healed
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.pruning.export import Measured
from avss_core.pruning.outcome import outcome_of
from avss_core.runs import Run, Store
from avss_core.variants.variant import Variant


def healed_by_run(store: Store, run: Run, model: LoadedModel, cut: Cut) -> Healed:
    """Build the healed network of a finished run again from its files.

    Raises CutError when the run healed another cut, RunError when its files are gone, nothing was healed, or maps alone
    do not help on held-out text, ModelError when a map is not folded, so that plain transformers could not load the
    network.
    """
    from avss_core.pruning.healing.from_files import network_to_export  # peft, which other jobs do without

    healing_of(store, run.id, cut.removed)
    result = heal_result(store, run.id)
    trained = result.training is not None
    if not trained and result.maps is not None and result.maps["helps"] and not result.maps_help:
        raise RunError(
            f"The maps of the healing run {run.id} make the cut no better on held-out text, so they are not offered; "
            "take the cut itself, or heal it by training."
        )
    variant, files = Variant.without(model.n_blocks, cut.removed), healed_files(store, run.id)
    network, sentence = network_to_export(model, variant, files, trained)
    scores, name = scores_of(store, run.id), "trained" if trained else "maps"
    before, after = ((result.evaluations[each], scores[each]) for each in ("unpruned", name))
    outcome = outcome_of(cut, before, after, run.facts["block_parameters"], run.facts["parameters"])
    told = f"{sentence} {_beside_control(result)}".rstrip()
    return Healed(network, told, (Measured(outcome, result.request.evaluate),))


def _beside_control(result: HealResult) -> str:
    """Training on a text teaches the text too; how much is seen from the unpruned model that was given the same."""
    if "control" not in result.evaluations:
        return ""
    apart, control = result.apart["trained"], result.evaluations["control"]
    return (
        f"The unpruned model after the same training has the perplexity {control.value:.4g} on the text below, so the "
        f"healed one is {apart.ratio:.3g} × ({apart.low:.3g} to {apart.high:.3g}) apart from it."
    )
