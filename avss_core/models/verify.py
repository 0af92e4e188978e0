"""Whether a network holds exactly the weights of its file, and numbers in all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import PreTrainedModel

from avss_core.errors import ModelError
from avss_core.models.blocks import depth_of, find_blocks

# BERT's pooler reads the last hidden state and gives it to nobody but a head that is not used here.
_NOT_NEEDED = re.compile(r"(^|\.)pooler\.")


def check_weights(network: PreTrainedModel, info: dict[str, Any], what: str) -> None:
    """Compare what the file held with what the config asked for, as `from_pretrained` reports it in `info`.

    transformers fills a gap with random numbers and goes on, so that every result would look real and mean nothing.
    Raises ModelError naming the first weights that are missing, have another shape, or belong to blocks that the
    config leaves out. Tied weights do not count as missing, nor does a pooler.
    """
    order = {name: place for place, name in enumerate(network.state_dict())}
    for name, in_file, in_config in sorted(info["mismatched_keys"], key=lambda one: order.get(one[0], -1)):
        raise ModelError(
            f"The config and the weights of {_lower(what)} disagree: {name} has shape {tuple(in_file)} in the file, "
            f"but {tuple(in_config)} by the config; get both from the same source."
        )
    missing = sorted((name for name in info["missing_keys"] if not _NOT_NEEDED.search(name)), key=order.__getitem__)
    if missing:
        raise ModelError(
            f"{what} lacks {len(missing)} of the weights that its config asks for, first {missing[0]}; "
            "get config and weights from the same source."
        )
    beyond = _blocks_beyond(network, info["unexpected_keys"])
    if beyond:
        raise ModelError(
            f"{what} has weights of more blocks ({beyond[0]}) than the {depth_of(network.config)} of its config; "
            "get config and weights from the same source."
        )


def check_finite(network: PreTrainedModel, what: str) -> None:
    """Raise ModelError naming the first weights that contain NaN or infinity."""
    with _one_thread():
        for name, tensor in network.named_parameters():
            if not tensor.is_floating_point() or tensor.numel() == 0:
                continue
            # Both extremes are NaN as soon as one value is.
            if not torch.isfinite(torch.stack(torch.aminmax(tensor))).all():
                hint = "load it in bfloat16 or float32" if tensor.dtype == torch.float16 else "fetch it again"
                raise ModelError(
                    f"{what} has weights that are not finite numbers ({name} contains NaN or infinity in "
                    f"{str(tensor.dtype).removeprefix('torch.')}); {hint}."
                )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Hundreds of short reductions would spend most of their time waiting for the other threads of a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _blocks_beyond(network: PreTrainedModel, unexpected: set[str]) -> list[str]:
    """Names of unexpected weights that lie in the stack of blocks, past its end."""
    stack = find_blocks(network)
    prefix = network.base_model_prefix + "."
    inside = re.compile(re.escape(stack.path.removeprefix(prefix)) + r"\.(\d+)\.")
    found = [(inside.match(name.removeprefix(prefix)), name) for name in sorted(unexpected)]
    return [name for match, name in found if match and int(match[1]) >= len(stack.modules)]


def _lower(what: str) -> str:
    return what[0].lower() + what[1:]
