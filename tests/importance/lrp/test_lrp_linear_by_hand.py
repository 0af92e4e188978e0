"""A network of two layers whose relevance is worked out by hand, and random layers against the formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from avss_core.importance.lrp.context import relevance_rules
from avss_core.importance.lrp.settings import LrpSettings


class TwoLayers(nn.Module):
    """y = W₂ · relu(W₁ x)."""

    def __init__(self, first: list[list[float]], second: list[list[float]]) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.second = nn.Linear(2, 1, bias=False)
        self.first.weight = nn.Parameter(torch.tensor(first))
        self.second.weight = nn.Parameter(torch.tensor(second))
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


def relevance(network: nn.Module, x: torch.Tensor, settings: LrpSettings) -> tuple[torch.Tensor, dict[str, float]]:
    """R(x) for f = Σ network(x), and what was lost."""
    leaf = x.clone().requires_grad_()
    with relevance_rules(network, settings) as absorbed:
        network(leaf).sum().backward()
        return leaf.grad * x, absorbed.take()


def test_epsilon_rule_without_epsilon() -> None:
    # h = relu(1 − 2, 2 + 2) = (0, 4); y = 0.5 · 4 = 2. All of y's relevance 2 goes to h₂, whose z are 2·1 and 1·2.
    network = TwoLayers([[1.0, -1.0], [2.0, 1.0]], [[3.0, 0.5]])
    found, _ = relevance(network, torch.tensor([[1.0, 2.0]]), LrpSettings(epsilon=0.0))
    assert found.tolist() == [[1.0, 1.0]]


def test_epsilon_rule_with_a_large_epsilon() -> None:
    # ε = 1. y = 2: R(h₂) = 2/(2+1)·2 = 4/3, lost 2/3. h₂ = 4: each z = 2, R(x) = 2/(4+1)·4/3 = 8/15, lost 4/15.
    network = TwoLayers([[1.0, -1.0], [2.0, 1.0]], [[3.0, 0.5]])
    found, lost = relevance(network, torch.tensor([[1.0, 2.0]]), LrpSettings(epsilon=1.0))
    assert found.tolist() == [pytest.approx([8 / 15, 8 / 15])]
    assert lost == {"epsilon": pytest.approx(2 / 3 + 4 / 15)}


def test_epsilon_keeps_the_sign_of_a_negative_output() -> None:
    # y = −2 with one z = −2: R = −2/(−2 − 1)·(−2) = −4/3.
    network = nn.Linear(1, 1, bias=False).requires_grad_(False)
    network.weight[:] = -1.0
    found, _ = relevance(network, torch.tensor([[2.0]]), LrpSettings(epsilon=1.0))
    assert found.item() == pytest.approx(-4 / 3)


def test_alpha_beta_rule() -> None:
    # α = 2, β = −1. h = (2 − 1, 4 + 1) = (1, 5); y = 3·1 − 0.4·5 = 1 with z = (3, −2).
    # R(h₁) = 2·3/3 = 2, R(h₂) = −1·(−2)/(−2) = −1.
    # h₁ has z = (2, −1): R(x) gets 2·(2/2)·2 = 4 and −1·(−1/−1)·2 = −2.
    # h₂ has z = (4, 1), none negative: 2·(4/5)·(−1) = −1.6 and 2·(1/5)·(−1) = −0.4; the β part, −1·(−1) = 1, is lost.
    network = TwoLayers([[2.0, -1.0], [2.0, 1.0]], [[3.0, -0.4]])
    network.first.weight[0, 0] = 1.0  # z of h₁: 1·2 and −1·1
    found, lost = relevance(network, torch.tensor([[2.0, 1.0]]), LrpSettings(rule="alpha-beta", alpha=2.0))
    assert found.tolist() == [pytest.approx([4 - 1.6, -2 - 0.4])]
    assert lost == {"one-sided": pytest.approx(1.0)}


def by_the_formula(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, arriving: np.ndarray, settings: LrpSettings
) -> np.ndarray:
    """(49) and (50) written out for one token: x (in,), weight (out, in), bias and R arriving (out,) -> R (in,)."""
    z = x[None, :] * weight
    y = z.sum(axis=1) + bias
    if settings.rule == "epsilon":
        return (z / (y + settings.epsilon * np.sign(y))[:, None] * arriving[:, None]).sum(axis=0)
    up, down = np.maximum(z, 0), np.minimum(z, 0)
    ups, downs = up.sum(axis=1) + np.maximum(bias, 0), down.sum(axis=1) + np.minimum(bias, 0)
    share_up = np.divide(up, ups[:, None], out=np.zeros_like(z), where=ups[:, None] != 0)
    share_down = np.divide(down, downs[:, None], out=np.zeros_like(z), where=downs[:, None] != 0)
    return ((settings.alpha * share_up + settings.beta * share_down) * arriving[:, None]).sum(axis=0)


@pytest.mark.parametrize(
    "settings",
    [
        LrpSettings(epsilon=0.0),
        LrpSettings(epsilon=0.3),
        LrpSettings(rule="alpha-beta"),
        LrpSettings(rule="alpha-beta", alpha=2.0),
        LrpSettings(rule="alpha-beta", alpha=0.5),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["linear", "conv1d", "matmul", "matmul on the left", "grouped"])
def test_linear_layers_of_every_spelling(kind: str, settings: LrpSettings) -> None:
    generator = np.random.default_rng(0)
    x, W, seed = generator.normal(size=(3, 8)), generator.normal(size=(4, 8)), generator.normal(size=(3, 4))
    b = generator.normal(size=4) if kind in ("linear", "conv1d") else np.zeros(4)
    network = _Spelled(kind, torch.tensor(W), torch.tensor(b))
    leaf = torch.tensor(x, requires_grad=True)
    with relevance_rules(network, settings) as absorbed:
        y = network(leaf)
        (y * torch.tensor(seed)).sum().backward()
    R = y.detach().numpy() * seed
    expected = np.stack([by_the_formula(x[t], W, b, R[t], settings) for t in range(3)])
    exact = 1e-5 if kind == "grouped" else 1e-10  # which there is in float32 only
    np.testing.assert_allclose(leaf.grad.numpy() * x, expected, rtol=exact, atol=exact)
    assert sum(absorbed.take().values()) == pytest.approx(R.sum() - expected.sum(), abs=10 * exact)


class _Spelled(nn.Module):
    """y = Wx + b in one of the ways that networks write it."""

    def __init__(self, kind: str, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.kind = kind
        if kind == "conv1d":
            self.layer = Conv1D(4, 8).double()
            self.layer.weight, self.layer.bias = nn.Parameter(weight.T.contiguous()), nn.Parameter(bias)
        elif kind == "linear":
            self.layer = nn.Linear(8, 4).double()
            self.layer.weight, self.layer.bias = nn.Parameter(weight), nn.Parameter(bias)
        else:
            self.weight = nn.Parameter(weight[None] if kind == "grouped" else weight)
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind == "matmul":
            return x @ self.weight.T
        if self.kind == "matmul on the left":
            return torch.matmul(self.weight, x.T).T
        if self.kind == "grouped":
            ends = torch.tensor([len(x)], dtype=torch.int32)
            return torch.nn.functional.grouped_mm(x.float(), self.weight.transpose(-2, -1).float(), offs=ends).double()
        return self.layer(x)
