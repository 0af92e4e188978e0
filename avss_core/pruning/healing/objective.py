"""What training makes small."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from avss_core.pruning.healing.answers import Answer
from avss_core.pruning.healing.settings import TrainingSettings
from avss_core.pruning.healing.steps import Losses


def objective(
    student: Answer, teacher: Answer | None, targets: Tensor, settings: TrainingSettings
) -> tuple[Tensor, Losses]:
    """The weighted sum of the losses as a tensor with gradients, and all of them as numbers.

    next token  mean over predicted tokens of −ln p(target), in nats
    logits      mean over predicted tokens of KL(teacher ‖ student), in nats
    states      mean over gaps and tokens of ‖student − teacher‖² / ‖teacher‖²

    targets: (predicted tokens,) ids. A teacher's parts are nan, and weigh nothing, where there is no teacher.
    """
    log_p = functional.log_softmax(student.logits.float(), dim=-1)
    next_token = functional.nll_loss(log_p, targets)
    total = settings.next_token * next_token
    logits = states = math.nan
    if teacher is not None and settings.logits:
        wanted = functional.log_softmax(teacher.logits.float(), dim=-1)
        divergence = functional.kl_div(log_p, wanted, reduction="batchmean", log_target=True)
        total, logits = total + settings.logits * divergence, float(divergence.detach())
    if teacher is not None and settings.states and teacher.states:
        distance = _distance(student.states, teacher.states)
        total, states = total + settings.states * distance, float(distance.detach())
    return total, Losses(float(total.detach()), float(next_token.detach()), logits, states)


def _distance(student: tuple[Tensor, ...], teacher: tuple[Tensor, ...]) -> Tensor:
    relative = [
        ((ours.float() - theirs.float()).square().sum(-1) / theirs.float().square().sum(-1).clamp_min(1e-30)).mean()
        for ours, theirs in zip(student, teacher, strict=True)
    ]
    return torch.stack(relative).mean()
