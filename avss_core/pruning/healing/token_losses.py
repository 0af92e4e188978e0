"""The losses that need logits, a few rows at a time, so that all logits never lie in memory at once.

With 49,152 words 1,000 tokens of float32 logits take 200 MB, and a loss with its gradient several times that. Norm and
head are not trained, so all that is needed of a chunk of rows is its loss and its gradient for the states; both are
taken before the next chunk is looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from avss_core.models.load import LoadedModel
from avss_core.pruning.healing.settings import TrainingSettings
from avss_core.pruning.healing.tail_gradient import logits_with_gradient

# Bytes of float32 logits worked on at once.
_CHUNKS = {"cpu": 2**24}
_CHUNK_ELSEWHERE = 2**28


@dataclass(frozen=True, eq=False)
class TokenLosses:
    """total: next_token and logits by their weights, with the way back to the states; the parts as numbers."""

    total: Tensor
    next_token: float
    logits: float


def token_losses(
    model: LoadedModel,
    states: Tensor,
    targets: Tensor,
    teacher: Tensor | None,
    settings: TrainingSettings,
    chunk: int | None = None,
) -> TokenLosses:
    """Mean over predicted tokens of −ln p(target) and of KL(teacher ‖ student), both in nats.

    model: the original, whose norm and head all networks share. states: of the student after its last block, (predicted
    tokens, hidden); teacher: the same of the teacher, or None. targets: (predicted tokens,) ids. chunk: rows at once.
    The divergence is nan, and weighs nothing, where it has no weight or no teacher.
    """
    rows = chunk or _rows_at_once(model)
    gradient, sums = torch.zeros_like(states), torch.zeros(2, device=states.device)
    distils = teacher is not None and settings.logits > 0
    weighs = settings.next_token > 0 or distils
    for first in range(0, len(states), rows):
        part = slice(first, first + rows)
        student = states[part].detach().requires_grad_(weighs)
        with torch.set_grad_enabled(weighs):
            log_p = functional.log_softmax(logits_with_gradient(model, student).float(), dim=-1)
            nll = functional.nll_loss(log_p, targets[part], reduction="sum")
            total, divergence = settings.next_token * nll, torch.zeros_like(nll)
            if distils and teacher is not None:
                with torch.no_grad():
                    wanted = functional.log_softmax(logits_with_gradient(model, teacher[part]).float(), dim=-1)
                divergence = functional.kl_div(log_p, wanted, reduction="sum", log_target=True)
                total = total + settings.logits * divergence
            if weighs:
                (gradient[part],) = torch.autograd.grad(total / len(states), student)
        sums += torch.stack([nll, divergence]).detach()
    next_token, logits = (sums / len(states)).tolist()
    total = settings.next_token * next_token + (settings.logits * logits if distils else 0.0)
    reckoned: Tensor = _Reckoned.apply(states, torch.tensor(total, device=states.device), gradient)
    return TokenLosses(reckoned, next_token, logits if distils else math.nan)


def _rows_at_once(model: LoadedModel) -> int:
    vocabulary = int(model.network.config.get_text_config().vocab_size)
    return max(1, _CHUNKS.get(model.device.type, _CHUNK_ELSEWHERE) // (4 * vocabulary))


class _Reckoned(torch.autograd.Function):
    """A number whose gradient for `states` is known already."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream.to(gradient.dtype), None, None
