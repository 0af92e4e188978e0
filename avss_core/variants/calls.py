"""What each block is called with on a batch, so that any block can be run on any hidden state afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from avss_core.corpora.batches import Batch
from avss_core.errors import ModelError
from avss_core.models.load import LoadedModel
from avss_core.variants.block_output import BlockOutput, block_output, state_position
from avss_core.variants.plain_call import call_base
from avss_core.variants.stand_ins import stand_ins


@dataclass(frozen=True, eq=False)
class Call:
    """One block with its arguments (mask, rotary embeddings, …), the hidden state among them left open."""

    block: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    state_at: int | str

    def run(self, hidden: Tensor) -> Any:
        """What the block answers for `hidden`."""
        if isinstance(self.state_at, int):
            return self.block(hidden, *self.args, **self.kwargs)
        return self.block(*self.args, **{**self.kwargs, self.state_at: hidden})


@dataclass(frozen=True, eq=False)
class Calls:
    """All blocks of a model on one batch; embeddings: what block 0 is given, (sequences, tokens, hidden)."""

    embeddings: Tensor
    blocks: tuple[Call, ...]
    output: BlockOutput

    def run(self, index: int, hidden: Tensor) -> Tensor:
        """Send `hidden` (sequences, tokens, hidden) through block `index`, with that block's own arguments."""
        with torch.no_grad():
            return self.output.unwrap(self.blocks[index].run(hidden))


def record_calls(model: LoadedModel, batch: Batch) -> Calls:
    """Record how the network calls its blocks on `batch`, from one forward pass in which no block runs.

    Recorders stand in the blocks' places and pass the hidden state through unchanged, so the pass costs the
    embeddings, the masks and the final norm only. Raises ModelError when the network does not call each block once,
    in order, with what the block before it returned: leaving blocks out would then mean something else.
    """
    output, blocks = block_output(model), tuple(model.blocks)
    recorded: list[Call] = []
    states: list[Tensor] = []

    def record(index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        where = state_position(blocks[index], args, kwargs)
        hidden = args[0] if isinstance(where, int) else kwargs[where]
        if index != len(recorded) or (states and hidden is not states[0]):
            raise ModelError(
                f"{type(model.network).__name__} does more between its blocks than to hand on the hidden state, "
                "so blocks cannot be left out; use another model."
            )
        states[:] = [hidden]
        rest = {name: value for name, value in kwargs.items() if name != where}
        recorded.append(Call(blocks[index], args[1:], rest, where))
        return output.wrap(hidden)

    with stand_ins(model.blocks, record):
        call_base(model, batch.input_ids.to(model.device), batch.attention_mask.to(model.device))
    if len(recorded) != len(blocks) or states[0].shape[:-1] != batch.input_ids.shape:
        raise ModelError(
            f"{type(model.network).__name__} does not send (sequences, tokens, hidden) through each block once, "
            "so blocks cannot be left out; use another model."
        )
    return Calls(states[0], tuple(recorded), output)
