"""A pruned model as a folder that plain transformers loads, checked before it appears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import PreTrainedModel

from avss_core import __version__
from avss_core.errors import CutError, ModelError
from avss_core.models.architecture import choose_class
from avss_core.models.blocks import depth_of
from avss_core.models.load import LoadedModel
from avss_core.models.quiet import quiet
from avss_core.pruning.cut import Cut
from avss_core.pruning.export.beside import write_beside
from avss_core.pruning.export.card import CardFacts
from avss_core.pruning.export.check import Check
from avss_core.pruning.export.new_folder import explained, new_folder, require_free, require_room
from avss_core.pruning.export.notes import Notes
from avss_core.pruning.export.snippet import CAUSAL, Snippet
from avss_core.pruning.export.source import source_of
from avss_core.pruning.export.verify import check_export
from avss_core.pruning.generate import has_chat_template
from avss_core.tasks.context_length import longest_sequence
from avss_core.variants.depth_config import per_block_settings
from avss_core.variants.physical import pruned_network


@dataclass(frozen=True)
class Export:
    """A finished export: where it lies, its files with their sizes in bytes, and what was checked."""

    folder: Path
    sizes: dict[str, int]
    check: Check

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON types."""
        return {
            "folder": str(self.folder),
            "bytes": sum(self.sizes.values()),
            "files": self.sizes,
            "check": self.check.to_dict(),
        }


def export_pruned(
    model: LoadedModel,
    cut: Cut,
    folder: str | Path,
    notes: Notes | None = None,
    healed: tuple[PreTrainedModel, str] | None = None,
    say: Callable[[str], None] = lambda stage: None,
) -> Export:
    """Write a cut as a model of its own: weights, config, tokenizer, model card, example, mergekit file.

    folder: new or empty; it appears whole and checked, or not at all. notes: for the card. healed: a network of the
    kept blocks whose weights were changed after the cut, and a sentence on how. say: called with each stage; may
    raise Cancelled.

    Raises what `pruned_network` and `check_export` raise; SettingError when the folder is not empty or cannot be
    written; ResourceError when the disk is full.
    """
    target = Path(folder).expanduser().absolute()
    require_free(target)
    say("leaving the blocks out")
    network, changes = healed if healed is not None else (pruned_network(model, cut.kept), "")
    if depth_of(network.config) != len(cut.kept):
        raise CutError(
            f"The healed network does not have the {len(cut.kept)} blocks that the cut keeps; heal this cut."
        )
    require_room(target, sum(parameter.nbytes for parameter in network.parameters()))
    with new_folder(target) as work:
        say("writing the weights")
        with explained(target):
            _save(network, model.tokenizer, work)
        say("loading it again and comparing")
        auto_class, trusted = choose_class(network.config.to_dict()), model.spec.trust_remote_code
        writes, positions = model.predicts_next_token, longest_sequence(model)
        check = check_export(work, network, model.tokenizer, auto_class, writes, trusted, positions)
        say("writing the model card")
        chats = auto_class.__name__ == CAUSAL and has_chat_template(model)
        use = Snippet(auto_class.__name__, chats, trusted)
        facts = CardFacts(
            source=source_of(model.spec),
            cut=cut,
            notes=notes or Notes(),
            changes=changes,
            architecture=type(network).__name__,
            auto_class=auto_class.__name__,
            dtype=str(network.dtype).removeprefix("torch."),
            parameters_before=model.parameters_total,
            parameters_after=sum(parameter.numel() for parameter in network.parameters()),
            snippet=use.code("."),
            verified=check.sentence,
            versions={"avss": __version__, "transformers": transformers.__version__, "torch": torch.__version__},
        )
        with explained(target):
            write_beside(work, facts, use, per_block_settings(model.network.config, model.n_blocks))
        sizes = {file.name: file.stat().st_size for file in sorted(work.iterdir()) if file.is_file()}
    return Export(target, sizes, check)


def _save(network: PreTrainedModel, tokenizer: Any, folder: Path) -> None:
    try:
        with quiet():
            network.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
    except (OSError, SafetensorError):
        raise
    except Exception as error:  # a config or tokenizer that the library reads and will not write
        raise ModelError(
            f"transformers cannot save {type(network).__name__} ({error}); evaluate this cut without exporting it."
        ) from error
