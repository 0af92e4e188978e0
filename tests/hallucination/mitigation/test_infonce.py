from __future__ import annotations

import numpy as np
import pytest
import torch

from avss_core.hallucination.mitigation.infonce import info_nce


def by_loops(states: np.ndarray, truthful: np.ndarray, temperature: float) -> tuple[float, float]:
    """The formula written out pair by pair."""
    unit = states / np.linalg.norm(states, axis=1, keepdims=True)
    right, wrong = np.flatnonzero(truthful), np.flatnonzero(~truthful)
    losses, near, far = [], [], []
    for i in right:
        across = [unit[i] @ unit[h] for h in wrong]
        far += across
        for p in right:
            if p == i:
                continue
            together = np.exp(unit[i] @ unit[p] / temperature)
            losses.append(-np.log(together / (together + np.exp(np.array(across) / temperature).sum())))
            near.append(unit[i] @ unit[p])
    return float(np.mean(losses)), float(np.mean(near) - np.mean(far))


@pytest.mark.parametrize("temperature", [0.05, 0.5, 2.0])
def test_loss_and_margin_are_those_of_the_formula(temperature: float) -> None:
    random = np.random.default_rng(3)
    states, truthful = random.normal(size=(7, 5)), np.array([True, False, True, True, False, False, True])
    loss, margin = info_nce(torch.tensor(states), torch.tensor(truthful), temperature)
    expected = by_loops(states, truthful, temperature)
    assert float(loss) == pytest.approx(expected[0], rel=1e-5)
    assert float(margin) == pytest.approx(expected[1], rel=1e-5)


def test_groups_apart_cost_nothing_and_groups_mixed_up_cost_the_logarithm_of_the_choices() -> None:
    apart = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    same = torch.ones(4, 2)
    truthful = torch.tensor([True, True, False, False])
    assert float(info_nce(apart, truthful, 0.05)[0]) == pytest.approx(0.0, abs=1e-6)
    assert float(info_nce(apart, truthful, 0.05)[1]) == pytest.approx(2.0)
    assert float(info_nce(same, truthful, 0.05)[0]) == pytest.approx(np.log(3)), "one positive beside two negatives"


def test_its_gradient_pulls_truthful_answers_together() -> None:
    states = torch.tensor([[1.0, 0.2], [0.2, 1.0], [0.7, 0.7]], requires_grad=True)
    truthful = torch.tensor([True, True, False])
    before, margin = info_nce(states, truthful, 0.2)
    before.backward()
    assert states.grad is not None
    after, better = info_nce(states.detach() - 0.05 * states.grad, truthful, 0.2)
    assert float(after) < float(before.detach())
    assert float(better) > float(margin.detach())
