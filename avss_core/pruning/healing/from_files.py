"""Healed networks built again from the files of a finished healing: to be evaluated, to be exported."""

from __future__ import annotations

from pathlib import Path

from peft import PeftModel
from safetensors import SafetensorError
from transformers import PreTrainedModel

from avss_core.errors import ModelError, RunError
from avss_core.models.load import LoadedModel
from avss_core.models.quiet import quiet
from avss_core.pruning.healing.healed import healed_network
from avss_core.pruning.healing.healed_files import HealedFiles
from avss_core.variants.variant import Variant


def network_from_files(model: LoadedModel, variant: Variant, files: HealedFiles, trained: bool) -> PreTrainedModel:
    """The pruned network with its maps and, if `trained`, its adapters merged; the original is not changed.

    Raises RunError when a file is missing or damaged, and what `healed_network` raises.
    """
    network = healed_network(model, variant, files.linear_maps())
    return merged(network, files.adapter) if trained else network


def control_from_files(model: LoadedModel, files: HealedFiles) -> PreTrainedModel:
    """The whole network with the adapters of the same training merged. Raises RunError when they are missing."""
    return merged(healed_network(model, Variant.full(model.n_blocks)), files.control_adapter)


def network_to_export(
    model: LoadedModel, variant: Variant, files: HealedFiles, trained: bool
) -> tuple[PreTrainedModel, str]:
    """The healed network as an ordinary one of its class, and a sentence or two on what was changed after the cut.

    It is what `export_pruned` takes as `healed`. Raises RunError when the healing is not finished or changed nothing,
    ModelError when a map is a module of its own, which plain transformers would not load.
    """
    maps, training = files.about_maps(), files.about_training()
    if trained and training is None:
        raise RunError("This healing has no finished training to export; train it, or export it with its maps alone.")
    helps = maps is not None and maps["helps"]
    if not trained and not helps:
        raise RunError("No map helped this cut, so there is nothing healed to export; export the cut itself.")
    if maps is not None and helps and not maps["folded"]:
        raise ModelError(
            "A map of this healing stays a module of its own, which a plain model folder cannot hold; heal again "
            "without maps, or export the cut itself."
        )
    told = [maps["sentence"]] if maps is not None and helps else []
    told += [training["sentence"]] if trained and training is not None else []
    return network_from_files(model, variant, files, trained), " ".join(told)


def merged(network: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """The network with the adapters in a folder merged into its weights; it is taken over.

    Raises RunError when they are missing, damaged, or of another network.
    """
    try:
        if not adapter.is_dir():
            raise FileNotFoundError("the folder is not there")
        with quiet():
            adapted = PeftModel.from_pretrained(network, str(adapter))
            # safe_merge: into new memory. The plain way would write into weights that the original network shares.
            whole = adapted.merge_and_unload(safe_merge=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise RunError(f"The adapters in {adapter} cannot be used ({error}); delete the run and heal again.") from error
    plain: PreTrainedModel = whole.eval().requires_grad_(False)
    return plain
