"""What training makes small."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from avss_core.models.load import LoadedModel
from avss_core.pruning.healing.answers import Answer
from avss_core.pruning.healing.settings import TrainingSettings
from avss_core.pruning.healing.steps import Losses
from avss_core.pruning.healing.token_losses import token_losses


def objective(
    model: LoadedModel, student: Answer, teacher: Answer | None, targets: Tensor, settings: TrainingSettings
) -> tuple[Tensor, Losses]:
    """The weighted sum of the losses as a tensor with gradients, and all of them as numbers.

    next token  mean over predicted tokens of −ln p(target), in nats
    logits      mean over predicted tokens of KL(teacher ‖ student), in nats
    states      mean over gaps and tokens of ‖student − teacher‖² / ‖teacher‖²

    model: the original, whose final norm and head student and teacher share. targets: (predicted tokens,) ids. A
    teacher's parts are nan, and weigh nothing, where there is no teacher.
    """
    of_tokens = token_losses(model, student.final, targets, None if teacher is None else teacher.final, settings)
    total, states = of_tokens.total, math.nan
    if teacher is not None and settings.states and teacher.states:
        distance = _distance(student.states, teacher.states)
        total, states = total + settings.states * distance, float(distance.detach())
    return total, Losses(float(total.detach()), of_tokens.next_token, of_tokens.logits, states)


def _distance(student: tuple[Tensor, ...], teacher: tuple[Tensor, ...]) -> Tensor:
    relative = [
        ((ours.float() - theirs.float()).square().sum(-1) / theirs.float().square().sum(-1).clamp_min(1e-30)).mean()
        for ours, theirs in zip(student, teacher, strict=True)
    ]
    return torch.stack(relative).mean()
