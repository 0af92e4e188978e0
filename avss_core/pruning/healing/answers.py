"""What a network answers to a training batch, with gradients: the states before its head, and those at the gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from avss_core.corpora.batches import Batch
from avss_core.tasks.next_token import Predicted


@dataclass(frozen=True, eq=False)
class Answer:
    """final: the state after the last block where a token is predicted, (predicted tokens, hidden), before the norm.

    states: what each tapped block gives at real tokens, (tokens, hidden).
    """

    final: Tensor
    states: tuple[Tensor, ...]

    def detach(self) -> Answer:
        """The same numbers without the way to them, for a teacher."""
        return Answer(self.final.detach(), tuple(state.detach() for state in self.states))


def ask(
    network: PreTrainedModel, blocks: nn.ModuleList, batch: Batch, predicted: Predicted, taps: Sequence[nn.Module]
) -> Answer:
    """Run the network without its head on a batch that lies on its device and is padded on the right.

    blocks: the network's. predicted: of the same batch. taps: those blocks whose output is wanted, in the order of the
    answer's states.
    """
    with _tapped([*taps, blocks[-1]]) as outputs:
        network.base_model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
    real = batch.attention_mask.bool()
    final = outputs[blocks[-1]]
    return Answer(final.flatten(0, 1)[predicted.rows.to(final.device)], tuple(outputs[tap][real] for tap in taps))


@contextmanager
def _tapped(taps: Sequence[nn.Module]) -> Iterator[dict[nn.Module, Tensor]]:
    outputs: dict[nn.Module, Tensor] = {}

    def keep(block: nn.Module, _args: Any, output: Any) -> None:
        outputs[block] = output if isinstance(output, torch.Tensor) else output[0]

    hooks = [tap.register_forward_hook(keep) for tap in taps]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()
