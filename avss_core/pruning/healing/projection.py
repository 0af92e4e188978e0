"""Which projection of a block a map can be folded into, found by trying and not by the model's name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avss_core.pruning.healing.linears import lies_transposed, plain_linears
from avss_core.variants.calls import Calls

# Sums of a few numbers of the network's own precision.
_ROUNDINGS = 4


def foldable_projection(calls: Calls, block: int, hidden: Tensor) -> str:
    """The path in the block of the linear module whose output reaches the block's output as it is, or "".

    Of such a block h' = (all the rest) + P z, so (P + W) in the place of P gives exactly h' + W z. Whether a block is
    of this kind is seen from adding a random δ to what the module writes: then exactly δ must be added to the block's
    output. It is not where a norm comes in between (BERT, Gemma), where another part reads the module's output (an
    attention's projection, but for parallel blocks), and where there is no such module (a fused mixture of experts).
    The last one to run is taken.

    hidden: what the block is called with on the batch of `calls`, (sequences, tokens, hidden).
    """
    module = calls.blocks[block].block
    names = {linear: path for path, linear in plain_linears(module).items()}
    order: list[nn.Module] = []
    hooks = [linear.register_forward_hook(lambda linear, _args, _out: order.append(linear)) for linear in names]
    try:
        output = calls.run(block, hidden)
    finally:
        for hook in hooks:
            hook.remove()
    writers = [linear for linear in order if order.count(linear) == 1 and _width(linear) == hidden.shape[-1]]
    for linear in reversed(writers):
        if _adds_to_output(calls, block, hidden, output, linear):
            return names[linear]
    return ""


def _adds_to_output(calls: Calls, block: int, hidden: Tensor, output: Tensor, linear: nn.Module) -> bool:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(output.shape, generator=generator).to(output)
    noise = noise * output.float().square().mean().sqrt().to(output.dtype)
    hook = linear.register_forward_hook(lambda _linear, _args, out: out + noise.reshape(out.shape))
    try:
        moved = calls.run(block, hidden)
    finally:
        hook.remove()
    surprise = (moved.float() - output.float() - noise.float()).norm()
    size = moved.float().norm() + output.float().norm() + noise.float().norm()
    return bool(surprise <= _ROUNDINGS * torch.finfo(output.dtype).eps * size)


def _width(linear: nn.Module) -> int:
    return int(linear.get_parameter("weight").shape[1 if lies_transposed(linear) else 0])
