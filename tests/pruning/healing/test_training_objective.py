from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from avss_core.pruning.healing.answers import Answer
from avss_core.pruning.healing.objective import objective
from avss_core.pruning.healing.settings import TrainingSettings

ROWS, VOCAB, TOKENS, HIDDEN = 6, 11, 9, 4


def answer(seed: int) -> Answer:
    generator = torch.Generator().manual_seed(seed)
    states = tuple(torch.randn(TOKENS, HIDDEN, generator=generator) for _ in range(2))
    return Answer(torch.randn(ROWS, VOCAB, generator=generator), states)


def expected(student: Answer, teacher: Answer, targets: np.ndarray) -> tuple[float, float, float]:
    ours, theirs = (log_softmax(a.logits.double().numpy(), axis=1) for a in (student, teacher))
    states = [
        np.mean(((s - t) ** 2).sum(1) / (t**2).sum(1))
        for s, t in zip(map(np.asarray, student.states), map(np.asarray, teacher.states), strict=True)
    ]
    return -ours[np.arange(ROWS), targets].mean(), (np.exp(theirs) * (theirs - ours)).sum(1).mean(), np.mean(states)


def test_every_part_and_their_weighted_sum() -> None:
    student, teacher, targets = answer(0), answer(1), torch.arange(ROWS)
    settings = TrainingSettings(next_token=0.5, logits=2.0, states=3.0)
    total, losses = objective(student, teacher, targets, settings)
    next_token, logits, states = expected(student, teacher, targets.numpy())
    assert losses.next_token == pytest.approx(next_token, rel=1e-5)
    assert losses.logits == pytest.approx(logits, rel=1e-5)
    assert losses.states == pytest.approx(states, rel=1e-5)
    assert losses.total == pytest.approx(0.5 * next_token + 2 * logits + 3 * states, rel=1e-5)
    assert float(total) == losses.total


def test_without_a_teacher_only_the_next_token_counts() -> None:
    total, losses = objective(answer(0), None, torch.arange(ROWS), TrainingSettings(logits=1.0, states=1.0))
    assert float(total) == losses.next_token
    assert math.isnan(losses.logits)
    assert math.isnan(losses.states)


def test_a_part_without_weight_is_not_reckoned() -> None:
    _, losses = objective(answer(0), answer(1), torch.arange(ROWS), TrainingSettings(states=1.0))
    assert math.isnan(losses.logits)
    assert losses.states > 0


def test_who_answers_as_the_teacher_has_nothing_to_learn_from_it() -> None:
    one = answer(0)
    _, losses = objective(one, one.detach(), torch.arange(ROWS), TrainingSettings(logits=1.0, states=1.0))
    assert losses.logits == losses.states == 0.0
