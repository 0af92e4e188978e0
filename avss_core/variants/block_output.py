"""What a block answers: the hidden state itself, or a tuple (a list in OpenAI GPT) that begins with it."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from avss_core.errors import ModelError
from avss_core.models.load import LoadedModel
from avss_core.variants.plain_call import call_base
from avss_core.variants.stand_ins import stand_ins


@dataclass(frozen=True)
class BlockOutput:
    """extras: how many values a block returns after the hidden state; None when it returns the bare tensor."""

    extras: int | None

    def wrap(self, hidden: Tensor) -> Any:
        """Give `hidden` the shape of a block's answer (what follows it, attention weights and caches, is None)."""
        return hidden if self.extras is None else (hidden, *(None,) * self.extras)

    def unwrap(self, output: Any) -> Tensor:
        """The hidden state in a block's answer."""
        state: Tensor = output if self.extras is None else output[0]
        return state


_known: WeakKeyDictionary[nn.Module, BlockOutput] = WeakKeyDictionary()


def block_output(model: LoadedModel) -> BlockOutput:
    """How this network's blocks answer, from one real call of its first block with two tokens (no hook sees it).

    Raises ModelError when the answer holds no hidden state, or when the block changes its input in place, which
    would spoil a state that several variants share.
    """
    found = _known.get(model.network)
    if found is None:
        found = _known[model.network] = _try_first_block(model)
    return found


def state_position(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | str:
    """Where a call of a block carries the hidden state: 0 for the first argument, or the keyword that names it."""
    keyword = next(iter(signature(block.forward).parameters), "")
    if not isinstance(args[0] if args else kwargs.get(keyword), Tensor):
        raise ModelError(
            f"The blocks of this model ({type(block).__name__}) are not called with a hidden state first, "
            "so they cannot be run one by one; use another model."
        )
    return 0 if args else keyword


def _try_first_block(model: LoadedModel) -> BlockOutput:
    answers: list[Any] = []
    first = model.blocks[0]

    def answer(index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not answers:
            answers.append(_call_unseen(first, args, kwargs))
        return answers[0]

    ids = torch.zeros(1, 2, dtype=torch.long, device=model.device)
    with stand_ins(model.blocks, answer):
        call_base(model, ids, torch.ones_like(ids))
    output = answers[0] if answers else None
    if isinstance(output, Tensor):
        return BlockOutput(extras=None)
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return BlockOutput(extras=len(output) - 1)
    raise ModelError(
        f"A block of this model ({type(first).__name__}) answers with {type(output).__name__} and not with "
        "a hidden state, so blocks cannot be left out; use another model."
    )


def _call_unseen(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    where = state_position(block, args, kwargs)
    hidden = args[0] if isinstance(where, int) else kwargs[where]
    before = None if hidden.is_inference() else hidden._version
    output = block.forward(*args, **kwargs)
    if before is not None and hidden._version != before:
        raise ModelError(
            f"A block of this model ({type(block).__name__}) changes its input in place, "
            "so states cannot be shared between variants; use another model."
        )
    return output
