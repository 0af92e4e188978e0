"""Is a block still the same block when it is built anew in another place of a shorter network?"""

from __future__ import annotations

from typing import Any

from torch import nn

from avss_core.errors import ModelError

ONLY_IN_PLACE = (
    "this cut cannot be made a network of its own; it can be judged by perplexity or multiple choice, which run the "
    "blocks where they are."
)
# What may differ: the block's own number, and states of the module that are not part of the network.
_FREE = {"layer_idx", "layer_id", "layer_index", "layer_number", "block_idx", "training", "gradient_checkpointing"}


def check_same_block(rebuilt: nn.Module, block: nn.Module, old: int, new: int) -> None:
    """Compare the plain settings (numbers, names, switches) of all modules in the two blocks.

    Raises ModelError that names the first one that differs, such as GPT-2's `scaling` where it is divided by the
    block's number: the config has no way to say that the block keeps the one it had.
    """
    theirs = dict(block.named_modules())
    for path, module in rebuilt.named_modules():
        ours, other = _settings(module), _settings(theirs[path]) if path in theirs else {}
        different = sorted(name for name in ours.keys() | other.keys() if ours.get(name) != other.get(name))
        if different or type(module) is not type(theirs.get(path)):
            what = f"{path}.{different[0]}".lstrip(".") if different else path
            raise ModelError(
                f"Block {old} would not be the same as block {new} of the pruned model, since its {what} depends on "
                f"its place; {ONLY_IN_PLACE}"
            )


def _settings(module: nn.Module) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and name not in _FREE and isinstance(value, bool | int | float | str | None)
    }
