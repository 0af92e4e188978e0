from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from random_models import HIDDEN, build
from scipy.special import log_softmax

from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.healing.answers import Answer
from avss_core.pruning.healing.objective import objective
from avss_core.pruning.healing.settings import TrainingSettings
from avss_core.pruning.healing.token_losses import token_losses
from avss_core.variants.tail import tail_logits

ROWS, TOKENS = 7, 9
TARGETS = torch.arange(3, 3 + ROWS)


@pytest.fixture(scope="module")
def llama() -> LoadedModel:
    return wrap(build("llama"), tokenizer=None)


def answer(seed: int) -> Answer:
    generator = torch.Generator().manual_seed(seed)
    states = tuple(torch.randn(TOKENS, HIDDEN, generator=generator) for _ in range(2))
    return Answer(torch.randn(ROWS, HIDDEN, generator=generator), states)


def expected(model: LoadedModel, student: Answer, teacher: Answer) -> tuple[float, float, float]:
    """By NumPy, from all logits at once."""
    ours, theirs = (log_softmax(tail_logits(model, a.final).double().numpy(), axis=1) for a in (student, teacher))
    states = [
        np.mean(((s - t) ** 2).sum(1) / (t**2).sum(1))
        for s, t in zip(map(np.asarray, student.states), map(np.asarray, teacher.states), strict=True)
    ]
    next_token = -ours[np.arange(ROWS), TARGETS.numpy()].mean()
    return next_token, (np.exp(theirs) * (theirs - ours)).sum(1).mean(), np.mean(states)


def test_every_part_and_their_weighted_sum(llama: LoadedModel) -> None:
    student, teacher = answer(0), answer(1)
    settings = TrainingSettings(next_token=0.5, logits=2.0, states=3.0)
    total, losses = objective(llama, student, teacher, TARGETS, settings)
    next_token, logits, states = expected(llama, student, teacher)
    assert losses.next_token == pytest.approx(next_token, rel=1e-5)
    assert losses.logits == pytest.approx(logits, rel=1e-5)
    assert losses.states == pytest.approx(states, rel=1e-5)
    assert losses.total == pytest.approx(0.5 * next_token + 2 * logits + 3 * states, rel=1e-5)
    assert float(total) == losses.total


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize("name", ["llama", "gpt2", "opt"])
def test_the_gradient_is_that_of_all_logits_at_once(name: str, chunk: int) -> None:
    """By autograd through the network's own norm and head, which no chunk has seen."""
    model = wrap(build(name), tokenizer=None)
    settings = TrainingSettings(next_token=0.5, logits=2.0)
    student, teacher = (answer(seed).final for seed in (0, 1))

    tail: list[torch.Tensor] = []
    hook = model.blocks[-1].register_forward_hook(
        lambda _block, _args, out: (tail[0], *out[1:]) if isinstance(out, tuple) else tail[0]
    )
    ids = torch.full((1, ROWS), 3)
    log_p = []
    for states in (student.clone().requires_grad_(), teacher):
        tail[:] = [states[None]]
        log_p.append((states, model.network(ids).logits[0].double().log_softmax(-1)))
    hook.remove()
    (at_once, ours), (_, theirs) = log_p
    nll = -ours[torch.arange(ROWS), TARGETS].mean()
    divergence = (theirs.exp() * (theirs - ours)).sum(-1).mean()
    (3.0 * (0.5 * nll + 2.0 * divergence)).backward()

    in_parts = student.clone().requires_grad_()
    found = token_losses(model, in_parts, TARGETS, teacher, settings, chunk)
    (3.0 * found.total).backward()
    assert found.next_token == pytest.approx(float(nll.detach()), rel=1e-5)
    assert found.logits == pytest.approx(float(divergence.detach()), rel=1e-5)
    assert at_once.grad is not None
    assert float(at_once.grad.abs().max()) > 1e-3
    torch.testing.assert_close(in_parts.grad, at_once.grad, rtol=1e-4, atol=1e-6)


def test_all_logits_never_lie_in_memory_at_once(llama: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from avss_core.pruning.healing import token_losses as module

    seen: list[int] = []
    real = module.logits_with_gradient

    def logits_with_gradient(model: LoadedModel, rows: torch.Tensor) -> torch.Tensor:
        seen.append(len(rows))
        return real(model, rows)

    monkeypatch.setattr(module, "logits_with_gradient", logits_with_gradient)
    monkeypatch.setitem(module._CHUNKS, "cpu", 2 * 128 * 4)  # two rows of float32 logits over 128 words
    objective(llama, answer(0), answer(1), TARGETS, TrainingSettings(logits=1.0))
    assert seen == [2, 2, 2, 2, 2, 2, 1, 1]


def test_without_a_teacher_only_the_next_token_counts(llama: LoadedModel) -> None:
    total, losses = objective(llama, answer(0), None, TARGETS, TrainingSettings(logits=1.0, states=1.0))
    assert float(total) == pytest.approx(losses.next_token)
    assert math.isnan(losses.logits)
    assert math.isnan(losses.states)


def test_a_part_without_weight_is_not_reckoned(llama: LoadedModel) -> None:
    _, losses = objective(llama, answer(0), answer(1), TARGETS, TrainingSettings(states=1.0))
    assert math.isnan(losses.logits)
    assert losses.states > 0


def test_who_answers_as_the_teacher_has_nothing_to_learn_from_it(llama: LoadedModel) -> None:
    one = answer(0)
    _, losses = objective(llama, one, one.detach(), TARGETS, TrainingSettings(logits=1.0, states=1.0))
    assert losses.logits == losses.states == 0.0
