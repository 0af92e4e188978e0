"""GBIS and Taylor against one plain backward pass through the whole network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as hf
from random_models import DECODERS, ENCODERS
from rank_cases import model_of, states_of, windows_of
from torch import Tensor
from torch.nn import functional

from avss_core.corpora.windows import Window
from avss_core.importance import RankSettings
from avss_core.importance.rank import rank
from avss_core.models.load import LoadedModel, wrap

WINDOWS = windows_of(13, 8, 3)
BOTH = RankSettings(("gbis", "taylor"))


def plain_gradients(model: LoadedModel, window: Window) -> tuple[list[Tensor], list[Tensor]]:
    """All states of one window and the gradients of its loss, from autograd through everything at once."""
    embedding = model.network.get_input_embeddings()
    seen: list[Tensor] = []
    handle = embedding.register_forward_hook(lambda _m, _a, out: seen.append(out.requires_grad_()) or seen[-1])
    head: list[Tensor] = []
    answer = model.network.register_forward_hook(lambda _m, _a, out: head.append(out.logits))
    try:
        with torch.enable_grad():
            states = states_of(model, window)
            ids = torch.tensor(window.ids)
            if model.predicts_next_token:
                loss = functional.cross_entropy(head[0][0, :-1], ids[1:], reduction="sum")
            else:
                loss = functional.cross_entropy(head[0][0], ids, reduction="sum")
            return states, list(torch.autograd.grad(loss, states))
    finally:
        handle.remove()
        answer.remove()


@pytest.mark.parametrize("name", [*DECODERS, *ENCODERS])
def test_equal_to_one_plain_backward_pass(name: str) -> None:
    model = model_of(name)
    gbis, taylor = rank(model, WINDOWS, BOTH)
    norms, products, tokens, predictions = np.zeros(4), np.zeros(4), 0, 0
    for window in WINDOWS:
        states, gradients = plain_gradients(model, window)
        for block in range(4):
            norms[block] += gradients[block].norm(dim=-1).sum().item()
            update = (states[block + 1] - states[block]).detach()
            products[block] += abs((gradients[block + 1] * update).sum().item())
        tokens += len(window)
        predictions += len(window) - 1 if model.predicts_next_token else len(window)
    assert gbis.scores == pytest.approx((norms / tokens).tolist(), rel=1e-3)
    assert taylor.scores == pytest.approx((products / predictions).tolist(), rel=1e-3)


def test_batches_and_shards_do_not_matter() -> None:
    model = model_of("qwen3")
    alone = [rank(model, [window], BOTH) for window in WINDOWS]
    together = rank(model, WINDOWS, BOTH)
    tokens, predictions = [13, 8, 3], [12, 7, 2]
    for place, weights in ((0, tokens), (1, predictions)):
        expected = np.average([rankings[place].scores for rankings in alone], axis=0, weights=weights)
        assert together[place].scores == pytest.approx(expected.tolist(), rel=1e-4)


def test_the_network_is_left_without_gradients() -> None:
    model = model_of("llama")
    rank(model, WINDOWS, BOTH)
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.network.parameters())
    assert [type(block).__name__ for block in model.blocks] == ["LlamaDecoderLayer"] * 4


def test_a_classifier_is_asked_for_its_own_label() -> None:
    torch.manual_seed(0)
    config = hf.DistilBertConfig(vocab_size=128, dim=32, hidden_dim=64, n_heads=4, n_layers=3, initializer_range=0.3)
    model = wrap(hf.DistilBertForSequenceClassification(config), tokenizer=None)
    _, taylor = rank(model, WINDOWS, BOTH)
    products = np.zeros(3)
    for window in WINDOWS:
        head: list[Tensor] = []
        embedded: list[Tensor] = []
        handles = [
            model.network.register_forward_hook(lambda _m, _a, out, head=head: head.append(out.logits)),
            model.network.distilbert.embeddings.register_forward_hook(
                lambda _m, _a, out, embedded=embedded: embedded.append(out.requires_grad_()) or embedded[-1]
            ),
        ]
        with torch.enable_grad():
            states = states_of(model, window)
            gradients = torch.autograd.grad(-head[0].log_softmax(dim=-1).max(), states)
        for handle in handles:
            handle.remove()
        for block in range(3):
            products[block] += abs((gradients[block + 1] * (states[block + 1] - states[block])).sum().item())
    assert taylor.scores == pytest.approx((products / 3).tolist(), rel=1e-3)
