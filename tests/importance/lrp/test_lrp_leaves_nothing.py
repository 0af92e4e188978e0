"""Inside the context the forward pass is what it was, and after it so is everything else."""

from __future__ import annotations

import pytest
import torch
from random_models import ARCHITECTURES
from torch import Tensor
from torch.overrides import _get_current_function_mode_stack

from avss_core.corpora.batches import Batch
from avss_core.errors import SettingError
from avss_core.importance.lrp.context import relevance_rules
from avss_core.importance.lrp.settings import RULES, LrpSettings
from avss_core.models.load import LoadedModel


def logits_and_gradient(model: LoadedModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """The network's logits, and the gradient of their square sum with respect to the embeddings."""
    embeddings = model.network.get_input_embeddings()(batch.input_ids).detach().requires_grad_()
    logits = model.network(inputs_embeds=embeddings, attention_mask=batch.attention_mask).logits
    (gradient,) = torch.autograd.grad(logits.square().sum(), embeddings)
    return logits.detach(), gradient


def hooks(model: LoadedModel) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
        for module in model.network.modules()
    )


class StopError(Exception):
    """Raised in the middle."""


def _stop_inside(model: LoadedModel, batch: Batch) -> None:
    with relevance_rules(model.network):
        model.network(input_ids=batch.input_ids)
        raise StopError


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_nothing_stays_and_forward_is_untouched(name: str, model_of, batch: Batch) -> None:
    model = model_of(name, 2)
    before = logits_and_gradient(model, batch)
    config, methods = model.network.config.to_dict(), {type(m).forward for m in model.network.modules()}
    for rule in RULES:
        for attention in ("conservative", "attnlrp"):
            with relevance_rules(model.network, LrpSettings(rule, attention)):
                inside = logits_and_gradient(model, batch)
            assert torch.equal(inside[0], before[0])
            assert not torch.allclose(inside[1], before[1])  # the rules did act
    with pytest.raises(StopError):
        _stop_inside(model, batch)
    after = logits_and_gradient(model, batch)
    assert torch.equal(after[0], before[0])
    assert torch.equal(after[1], before[1])
    assert hooks(model) == 0
    assert not _get_current_function_mode_stack()
    assert all("forward" not in vars(module) for module in model.network.modules())
    assert model.network.config.to_dict() == config
    assert {type(module).forward for module in model.network.modules()} == methods


def test_an_error_of_the_network_itself_leaves_nothing(model_of) -> None:
    model = model_of("llama", 2)
    with pytest.raises(RuntimeError), relevance_rules(model.network):
        model.network(inputs_embeds=torch.zeros(1, 2, 3, requires_grad=True))
    assert hooks(model) == 0
    assert not _get_current_function_mode_stack()


def test_backward_may_come_after_the_context(model_of, batch: Batch) -> None:
    model = model_of("gpt2", 2)
    inside = torch.randn(2, 3, 64, requires_grad=True)
    with relevance_rules(model.network):
        output = model.network(inputs_embeds=inside).logits.sum()
        (first,) = torch.autograd.grad(output, inside, retain_graph=True)
    (second,) = torch.autograd.grad(output, inside)
    assert torch.equal(first, second)


def test_weights_that_ask_for_gradients_are_refused(model_of) -> None:
    model = model_of("llama", 2)
    model.network.requires_grad_(True)
    with pytest.raises(SettingError, match="not of weights"), relevance_rules(model.network):
        pass
    assert hooks(model) == 0
