"""Attention, fused and written out, against the rules in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from avss_core.importance.lrp.context import relevance_rules
from avss_core.importance.lrp.settings import LrpSettings

TOKENS, WIDTH = 5, 4


def fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(query, key, value, is_causal=True)


def fused_with_keywords(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    mask = torch.ones(TOKENS, TOKENS, dtype=torch.bool).tril()
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=WIDTH**-0.5)


def written_out(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    later = torch.full((TOKENS, TOKENS), -torch.inf, dtype=query.dtype).triu(1)
    return functional.softmax(query @ key.mT * WIDTH**-0.5 + later, dim=-1) @ value


def by_methods(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = torch.bmm(query, key.transpose(1, 2)).mul(WIDTH**-0.5)
    return torch.einsum(
        "bqk,bkd->bqd", scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -1e9).softmax(-1), value
    )


SPELLINGS = [fused, fused_with_keywords, written_out, by_methods]


def tensors() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, TOKENS, WIDTH, generator=generator, dtype=torch.float64) for _ in range(4)]


def propagate(attention, settings: LrpSettings) -> tuple[list[np.ndarray], np.ndarray, dict[str, float]]:
    """R of query, key and value; R of the output; what was lost."""
    *inputs, seed = tensors()
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    with relevance_rules(nn.Identity(), settings) as absorbed:
        output = attention(*leaves)
        (output * seed).sum().backward()
    found = [
        np.zeros_like(tensor) if leaf.grad is None else (leaf.grad * tensor).numpy()
        for leaf, tensor in zip(leaves, inputs, strict=True)
    ]
    return found, (output.detach() * seed).numpy(), absorbed.take()


def weights_and_scores() -> tuple[np.ndarray, np.ndarray]:
    query, key, *_ = (tensor.numpy() for tensor in tensors())
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(WIDTH)
    allowed = np.tril(np.ones((TOKENS, TOKENS), dtype=bool))
    grown = np.where(allowed, np.exp(scores), 0.0)
    return grown / grown.sum(axis=-1, keepdims=True), np.where(allowed, scores, 0.0)


@pytest.mark.parametrize("attention", SPELLINGS)
def test_conservative_gives_all_to_the_values(attention) -> None:
    (query, key, value), output, lost = propagate(attention, LrpSettings())
    p, _ = weights_and_scores()
    values, seed = tensors()[2].numpy(), tensors()[3].numpy()
    # R(v_kd) = Σ_q p_qk v_kd / O_qd · R(O_qd), and R(O)/O is the seed.
    np.testing.assert_allclose(value, np.einsum("bqk,bkd,bqd->bkd", p, values, seed), rtol=1e-9, atol=1e-12)
    assert not query.any()
    assert not key.any()
    assert value.sum() == pytest.approx(output.sum())
    assert sum(lost.values()) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("attention", SPELLINGS)
def test_attnlrp_splits_products_and_expands_the_softmax(attention) -> None:
    (query, key, value), output, lost = propagate(attention, LrpSettings(attention="attnlrp"))
    p, scores = weights_and_scores()
    queries, keys, values, seed = (tensor.numpy() for tensor in tensors())
    contributions = np.einsum("bqk,bkd,bqd->bqkd", p, values, seed)  # of p_qk · v_kd to O_qd, times R/O
    np.testing.assert_allclose(value, contributions.sum(axis=1) / 2, rtol=1e-9, atol=1e-12)
    R_p = contributions.sum(axis=3) / 2
    R_s = scores * (R_p - p * R_p.sum(axis=-1, keepdims=True))
    allowed = np.tril(np.ones((TOKENS, TOKENS), dtype=bool))
    per_score = np.divide(R_s, scores, out=np.zeros_like(scores), where=allowed) / np.sqrt(WIDTH)
    shared = np.einsum("bqd,bkd,bqk->bqkd", queries, keys, per_score) / 2  # each of q and k gets half
    np.testing.assert_allclose(query, shared.sum(axis=2), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(key, shared.sum(axis=1), rtol=1e-9, atol=1e-12)
    assert lost["softmax"] == pytest.approx(output.sum() - query.sum() - key.sum() - value.sum())
    assert lost["softmax"] == pytest.approx(R_p.sum() - R_s.sum())  # it is the softmax alone that leaks


@pytest.mark.parametrize("attention", ["conservative", "attnlrp"])
def test_grouped_queries(attention: str) -> None:
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(1, 4, TOKENS, WIDTH, generator=generator, dtype=torch.float64).requires_grad_()
    key, value = (
        torch.randn(1, 2, TOKENS, WIDTH, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2)
    )

    def run(repeated: bool) -> list[Tensor]:
        with relevance_rules(nn.Identity(), LrpSettings(attention=attention)):
            if repeated:
                wide = [tensor.repeat_interleave(2, dim=1) for tensor in (key, value)]
                output = functional.scaled_dot_product_attention(query, *wide, is_causal=True)
            else:
                output = functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        gradients = torch.autograd.grad(output.square().sum(), (query, key, value), allow_unused=True)
        return [torch.zeros(1) if gradient is None else gradient for gradient in gradients]

    for one, other in zip(run(True), run(False), strict=True):
        torch.testing.assert_close(one, other)
