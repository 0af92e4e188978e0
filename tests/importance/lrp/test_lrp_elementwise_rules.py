"""Norms, activations, gates: the rules that have no weight matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN
from transformers.models.bloom.modeling_bloom import BloomGelu
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from avss_core.importance.lrp.activation import is_activation
from avss_core.importance.lrp.context import relevance_rules
from avss_core.importance.lrp.settings import LrpSettings

WIDTH = 8


def propagate(network: nn.Module, *inputs: Tensor) -> tuple[list[Tensor], Tensor, dict[str, float]]:
    """R of every input, R of the output for a random start, and what was lost."""
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    with relevance_rules(network.requires_grad_(False), LrpSettings()) as absorbed:
        output = network(*leaves)
    seed = torch.randn(output.shape, generator=torch.Generator().manual_seed(5), dtype=output.dtype)
    output.backward(seed)
    return [leaf.grad * leaf.detach() for leaf in leaves], output.detach() * seed, absorbed.take()


def numbers(seed: int = 0) -> Tensor:
    return torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shaken(norm: nn.Module) -> nn.Module:
    """A norm whose gain and bias are not 1 and 0."""
    with torch.no_grad():
        for number, parameter in enumerate(norm.parameters()):
            parameter.add_(0.3 * numbers(number + 7)[0])
    return norm.double()


class LayerNormWrittenOut(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-5)


class RmsNormByPower(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (x.pow(2).mean(-1, keepdim=True) + 1e-6) ** -0.5


class RmsNormByReciprocal(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (1.0 / (x * x).mean(-1, keepdim=True).sqrt())


@pytest.mark.parametrize("norm", [shaken(nn.LayerNorm(WIDTH)), nn.LayerNorm(WIDTH, bias=False), LayerNormWrittenOut()])
def test_layer_norm_with_its_scale_fixed(norm: nn.Module) -> None:
    x = numbers()
    (found,), output, lost = propagate(norm.double(), x)
    weight, bias = getattr(norm, "weight", None), getattr(norm, "bias", None)
    start = output / norm(x).detach()  # the gradient at the output
    scaled = start * (1.0 if weight is None else weight) / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5)
    expected = x * (scaled - scaled.mean(-1, keepdim=True))
    torch.testing.assert_close(found, expected)
    of_bias = 0.0 if bias is None else float((start * bias).sum())
    assert float(found.sum()) == pytest.approx(float(output.sum()) - of_bias)
    assert sum(lost.values()) == pytest.approx(of_bias, abs=1e-9)


@pytest.mark.parametrize(
    "norm",
    [
        shaken(LlamaRMSNorm(WIDTH)),
        shaken(nn.RMSNorm(WIDTH)),
        nn.RMSNorm(WIDTH, elementwise_affine=False),
        RmsNormByPower(),
        RmsNormByReciprocal(),
    ],
    ids=["llama", "torch", "without gain", "power", "reciprocal"],
)
def test_rms_norm_hands_on_number_by_number(norm: nn.Module) -> None:
    (found,), output, _ = propagate(norm, numbers().float() if isinstance(norm, LlamaRMSNorm) else numbers())
    torch.testing.assert_close(found.double(), output.double(), rtol=1e-5, atol=1e-6)


ACTIVATIONS = ["gelu", "gelu_new", "gelu_fast", "gelu_python", "gelu_pytorch_tanh", "quick_gelu", "silu", "mish"]
ACTIVATIONS += ["relu", "relu2", "relu6", "leaky_relu", "tanh", "linear"]


@pytest.mark.parametrize("name", [*ACTIVATIONS, "bloom"])
def test_activations_hand_on_number_by_number(name: str) -> None:
    activation = BloomGelu() if name == "bloom" else ACT2FN[name]
    (found,), output, _ = propagate(activation, numbers())
    torch.testing.assert_close(found, output)
    assert activation._forward_hooks == {}


def test_activations_called_as_functions() -> None:
    class Functions(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.silu(nn.functional.gelu(x, approximate="tanh")) + torch.tanh(x) + x.relu()

    (found,), output, _ = propagate(Functions(), numbers())
    torch.testing.assert_close(found, output)


def test_an_exact_zero_has_no_relevance_and_no_gradient() -> None:
    x = torch.tensor([[0.0, 1.0, -1.0]], requires_grad=True)
    with relevance_rules(nn.SiLU(), LrpSettings()):
        nn.functional.silu(x).sum().backward()
    assert x.grad[0, 0] == 0
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize(
    "module",
    [nn.Softmax(-1), nn.LayerNorm(WIDTH, elementwise_affine=False), nn.Sigmoid(), nn.Softplus(), nn.Flatten(0)],
)
def test_other_modules_without_weights_are_no_activations(module: nn.Module) -> None:
    x = numbers().float()
    assert not is_activation(module, x, module(x))


class Gated(nn.Module):
    def forward(self, gate: Tensor, up: Tensor) -> Tensor:
        return nn.functional.silu(gate) * up


def test_a_gate_and_what_it_gates_share_evenly() -> None:
    (gate, up), output, _ = propagate(Gated(), numbers(1), numbers(2))
    torch.testing.assert_close(gate, output / 2)
    torch.testing.assert_close(up, output / 2)


def test_a_sigmoid_gate_is_held_fixed() -> None:
    class SigmoidGate(nn.Module):
        def forward(self, gate: Tensor, value: Tensor) -> Tensor:
            return torch.sigmoid(gate + 0 * value) * value

    leaves = [numbers(1).requires_grad_(), numbers(2).requires_grad_()]
    with relevance_rules(nn.Identity(), LrpSettings()):
        output = SigmoidGate()(*leaves)
    gate, value = torch.autograd.grad(output.sum(), leaves, allow_unused=True)
    assert gate is None
    torch.testing.assert_close(value * leaves[1].detach(), output.detach())


def test_an_answer_may_be_changed_in_place() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.act = nn.Linear(WIDTH, WIDTH, bias=False).double(), nn.GELU()

        def forward(self, x: Tensor) -> Tensor:
            written = self.layer(x)
            written += x
            active = self.act(written)
            active += x
            return active

    (found,), output, _ = propagate(InPlace(), numbers())
    assert float(found.sum()) == pytest.approx(float(output.sum()), rel=1e-4)


def test_arguments_may_be_named() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(numbers(3).T[:, :3].contiguous())

        def forward(self, x: Tensor) -> Tensor:
            gated = torch.mul(input=nn.functional.silu(input=x), other=x)
            scaled = gated * torch.pow(input=gated.square().mean(-1, keepdim=True), exponent=-0.5)
            first = torch.matmul(scaled, other=self.weight)
            return torch.div(first, other=nn.functional.softmax(input=first, dim=-1))

    (found,), output, _ = propagate(Named(), numbers())
    assert float(found.sum()) == pytest.approx(float(output.sum()), rel=1e-4)
