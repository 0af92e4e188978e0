"""The two sides of a gap on one batch: where the pruned model stands, and where the whole model would be."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.models.load import LoadedModel
from avss_core.pruning.healing.ridge import Matrix, Sums
from avss_core.pruning.healing.stretches import Stretch
from avss_core.pruning.healing.walk import Walk
from avss_core.variants.calls import Calls


@dataclass(frozen=True, eq=False)
class Gap:
    """hidden: the pruned model's state before the gap, target: the whole model's state after the removed blocks, both
    (sequences, tokens, hidden); reads: z, what the map reads, (sequences, tokens, features); real: where no padding is.
    """

    hidden: Tensor
    target: Tensor
    reads: Tensor
    real: Tensor

    @property
    def _precise(self) -> torch.dtype:
        return torch.float32 if self.hidden.device.type == "mps" else torch.float64  # Apple's has no float64

    @property
    def token_weights(self) -> Tensor:
        """w = 1 / rms(target)², (sequences, tokens); 0 at padding."""
        size = self.target.to(self._precise).square().mean(-1)
        return torch.where(self.real, 1 / size.clamp_min(1e-30), 0.0)

    def sums(self) -> Sums:
        """What the fit needs of this batch."""
        real, width = self.real, self.hidden.shape[-1]
        weight = self.token_weights[real]
        z, hidden, target = (t[real].to(self._precise) for t in (self.reads, self.hidden, self.target))
        d = target - hidden
        weighted = z * weight[:, None]
        # One product instead of two: what goes back to the processor is small, whatever the number of tokens.
        products = _numpy(weighted.T @ torch.cat([z, d], dim=1))
        return Sums(
            weight=float(weight.sum()),
            z=_numpy(weighted.sum(0)),
            d=_numpy(weight @ d),
            zz=products[:, :-width],
            zd=products[:, -width:],
            tokens=len(z),
        )

    def error(self, state: Tensor) -> float:
        """Σ w ‖target − state‖²."""
        square = (self.target.to(self._precise) - state.to(self._precise)).square().sum(-1)
        return float((square * self.token_weights).sum())


def _numpy(tensor: Tensor) -> Matrix:
    found: Matrix = tensor.cpu().double().numpy()
    return found


class Sides:
    """The whole and the pruned model on one batch."""

    def __init__(self, whole: LoadedModel, pruned: LoadedModel, batch: Batch, holds: bool) -> None:
        self.batch = batch
        self._whole, self._pruned = Walk(whole, batch, holds), Walk(pruned, batch, holds)

    @property
    def pruned_calls(self) -> Calls:
        """How the pruned model calls its blocks."""
        return self._pruned.calls()

    def before_block(self, block: int) -> Tensor:
        """What a block of the pruned model is called with."""
        return self._pruned.at(block)

    def gap(self, stretch: Stretch, projection: str) -> Gap:
        """Both sides of `stretch`; projection: whose neurons the map reads in the block before, or "" for the state."""
        target = self._whole.at(stretch.last + 1)
        real = self.batch.attention_mask.bool().to(target.device)
        if not stretch.place:
            hidden = self._pruned.at(0)
            return Gap(hidden, target, hidden, real)
        # Not `at(place)`: the block before the gap is about to change, and must be run again then.
        before, calls = self._pruned.at(stretch.place - 1), self._pruned.calls()
        if not projection:
            hidden = calls.run(stretch.place - 1, before)
            return Gap(hidden, target, hidden, real)
        neurons: list[Tensor] = []
        linear = calls.blocks[stretch.place - 1].block.get_submodule(projection)
        hook = linear.register_forward_pre_hook(lambda _linear, args: neurons.append(args[0]))
        try:
            hidden = calls.run(stretch.place - 1, before)
        finally:
            hook.remove()
        return Gap(hidden, target, neurons[0].reshape(*hidden.shape[:-1], -1), real)
