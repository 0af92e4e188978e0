"""ΣR(input) = f(x) where nothing absorbs relevance; where something does, the account says what took it."""

from __future__ import annotations

import itertools

import pytest
import torch
from random_models import ARCHITECTURES
from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.importance.lrp.context import relevance_rules
from avss_core.importance.lrp.result import LrpResult
from avss_core.importance.lrp.scores import lrp_scores
from avss_core.importance.lrp.settings import LrpSettings
from avss_core.models.load import LoadedModel
from avss_core.tasks.next_token import predicted_tokens


@pytest.mark.parametrize("rule", ["epsilon", "alpha-beta"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_conservative_rules_conserve_without_biases(name: str, rule: str, model_of, batch: Batch) -> None:
    result = lrp_scores(model_of(name, biases=False), [batch], rule=rule)
    assert result.conservation_error < 1e-3
    flow = result.boundaries["relevance"].to_numpy()
    size = result.documents["output"].abs().sum()
    assert abs(flow - flow[-1]).max() < 1e-3 * size  # at every boundary, not only at the ends


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_attention_written_out_conserves_too(name: str, model_of, batch: Batch) -> None:
    fused, eager = model_of(name, biases=False), model_of(name, biases=False)
    eager.network.set_attn_implementation("eager")
    # Small denominators of the rules make single precision differ by thousandths; experts know no other.
    single = name == "mixtral"
    for model in () if single else (fused, eager):
        model.network.double()
    near = 2e-3 if single else 1e-5
    for attention in ("conservative", "attnlrp"):
        first, second = (lrp_scores(model, [batch], attention=attention) for model in (fused, eager))
        assert first.scores == pytest.approx(second.scores, rel=near)
        assert first.boundaries["relevance"].to_numpy() == pytest.approx(
            second.boundaries["relevance"].to_numpy(), abs=near
        )


@pytest.mark.parametrize("rule", ["epsilon", "alpha-beta"])
@pytest.mark.parametrize("attention", ["conservative", "attnlrp"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_account_explains_what_is_lost(name: str, attention: str, rule: str, model_of, batch: Batch) -> None:
    result = lrp_scores(model_of(name), [batch], rule=rule, attention=attention)
    lost, size = result.lost_by_cause(), float(result.documents["output"].abs().sum())
    gap = float((result.documents["output"] - result.documents["input"]).sum())
    assert sum(lost.values()) == pytest.approx(gap, abs=1e-9 * size)
    assert abs(lost["other"]) < 1e-3 * size  # everything has a name
    assert ("softmax" in lost) == (attention == "attnlrp")
    assert abs(lost.get("epsilon", 0.0)) + abs(lost.get("one-sided", 0.0)) < 1e-3 * size


def test_biases_of_queries_keys_and_values_take_their_share(model_of, batch: Batch) -> None:
    with_biases, without = model_of("qwen2"), model_of("qwen2", biases=False)
    assert abs(lrp_scores(with_biases, [batch]).lost_by_cause()["biases"]) > 0.01
    assert lrp_scores(without, [batch]).lost_by_cause()["biases"] == 0


def test_a_large_epsilon_absorbs(model_of, batch: Batch) -> None:
    model = model_of("llama")
    result = lrp_scores(model, [batch], epsilon=0.5)
    assert result.conservation_error > 0.1
    assert result.lost_by_cause()["epsilon"] == pytest.approx(
        float((result.documents["output"] - result.documents["input"]).sum()), abs=1e-3
    )


@pytest.mark.parametrize("rule", ["epsilon", "alpha-beta"])
def test_experts_of_a_mixture_one_by_one_or_together(rule: str, model_of, batch: Batch) -> None:
    results = []
    for implementation in ("eager", "grouped_mm"):
        model = model_of("mixtral")
        model.network.set_experts_implementation(implementation)
        results.append(lrp_scores(model, [batch], rule=rule))
    assert results[0].scores == pytest.approx(results[1].scores, rel=1e-3)


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3", "mixtral", "opt"])
@pytest.mark.parametrize("attention", ["conservative", "attnlrp"])
def test_block_by_block_is_one_backward_pass(name: str, attention: str, model_of, batch: Batch) -> None:
    model = model_of(name)
    result = lrp_scores(model, [batch], attention=attention)
    absolute, flow = _in_one_pass(model, batch, attention)
    tokens = sum(map(len, batch.windows))
    assert result.scores == pytest.approx([total / tokens for total in absolute], rel=1e-3)
    assert result.boundaries["relevance"].to_numpy() == pytest.approx(flow, rel=1e-3, abs=1e-4)
    _check_tables(result, absolute)


def _in_one_pass(model: LoadedModel, batch: Batch, attention: str) -> tuple[list[float], list[float]]:
    """Σ|R(u)| of every block and ΣR at every boundary, from one ordinary forward and backward of the whole network."""
    states: list[Tensor] = []

    def keep(state: Tensor) -> Tensor:
        state = state.detach().requires_grad_() if not states else state
        state.retain_grad()
        states.append(state)
        return state

    def before(module: torch.nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (keep(args[0]), *args[1:])

    def after(module: torch.nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        keep(output if isinstance(output, Tensor) else output[0])

    handles = [model.blocks[0].register_forward_pre_hook(before)]
    handles += [block.register_forward_hook(after) for block in model.blocks]
    with relevance_rules(model.network, LrpSettings(attention=attention)):
        logits = model.network(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
    for handle in handles:
        handle.remove()
    predicted = predicted_tokens(batch)
    f = logits.flatten(0, 1)[predicted.rows].gather(1, predicted.targets[:, None]).sum()
    f.backward()
    absolute = [
        float((after.grad * (after - before)).detach().abs().sum()) for before, after in itertools.pairwise(states)
    ]
    return absolute, [*(float((state.grad * state).detach().sum()) for state in states), f.item()]


def _check_tables(result: LrpResult, absolute: list[float]) -> None:
    by_block = result.blocks.groupby("block")["absolute"].sum()
    assert by_block.tolist() == pytest.approx(absolute, rel=1e-3)
