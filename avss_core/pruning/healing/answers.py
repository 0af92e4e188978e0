"""What a network answers to a training batch, with gradients: logits, and the states after the gaps."""

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
    """logits: (predicted tokens, vocabulary); states: what each tapped block gives at real tokens, (tokens, hidden)."""

    logits: Tensor
    states: tuple[Tensor, ...]

    def detach(self) -> Answer:
        """The same numbers without the way to them, for a teacher."""
        return Answer(self.logits.detach(), tuple(state.detach() for state in self.states))


def ask(network: PreTrainedModel, batch: Batch, predicted: Predicted, taps: Sequence[nn.Module]) -> Answer:
    """Run the network on a batch that lies on its device and is padded on the right.

    predicted: of the same batch. taps: the blocks whose output is wanted, in the order of the answer's states.
    """
    with _tapped(taps) as outputs:
        logits = network(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
    real = batch.attention_mask.bool()
    states = tuple(outputs[tap][real] for tap in taps)
    return Answer(logits.flatten(0, 1)[predicted.rows.to(logits.device)], states)


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
