"""Ablation and CIM against networks that are built without the block, and softmax written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import DECODERS, ENCODERS
from rank_cases import logits_of, model_of, nll_of, windows_of

from avss_core.corpora import Window
from avss_core.errors import CorpusError, ModelError, NumericalError
from avss_core.importance import RankSettings
from avss_core.importance.passes import log_probabilities, variants
from avss_core.importance.rank import rank
from avss_core.variants.physical import pruned_network

WINDOWS = windows_of(13, 8, 3, 1)
BOTH = RankSettings(("ablation", "cim"))


@pytest.mark.parametrize("name", DECODERS)
def test_ablation_is_the_difference_of_two_networks(name: str) -> None:
    model = model_of(name)
    ablation, _ = rank(model, WINDOWS, BOTH)
    (alone,) = rank(model, WINDOWS, RankSettings(("ablation",)))
    whole = np.concatenate([nll_of(logits_of(model.network, window), window) for window in WINDOWS])
    assert whole.shape == (12 + 7 + 2,)
    assert ablation.details["loss"] == pytest.approx(whole.mean(), abs=1e-4)
    for block in range(4):
        pruned = pruned_network(model, [other for other in range(4) if other != block])
        without = np.concatenate([nll_of(logits_of(pruned, window), window) for window in WINDOWS])
        assert ablation.scores[block] == pytest.approx(without.mean() - whole.mean(), abs=1e-4)
    assert alone.scores == pytest.approx(ablation.scores, abs=1e-5)
    # As one tree: 4 for the whole, and 0 | 1 2 3, 0 1 | 2 3, 0 1 2 | 3, 0 1 2 3 less what is shared.
    assert ablation.block_runs == 4 + 3 + 1 + 2 + 1 + 1 + 1


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
def test_cim_is_the_divergence_of_two_softmaxes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Three rows at a time for the head, one for the logarithm.
    monkeypatch.setattr(log_probabilities, "_AT_ONCE", {"cpu": (3 * 128 * 4, 128 * 4)})
    model = model_of(name)
    ablation, cim = rank(model, WINDOWS, BOTH)

    def softmax(network: torch.nn.Module) -> np.ndarray:
        logits = np.concatenate([logits_of(network, window).double().numpy()[:-1] for window in WINDOWS])
        grown = np.exp(logits - logits.max(axis=1, keepdims=True))
        return grown / grown.sum(axis=1, keepdims=True)

    p = softmax(model.network)
    for block in range(4):
        q = softmax(pruned_network(model, [other for other in range(4) if other != block]))
        divergence = (p * np.log(p / q)).sum(axis=1)
        assert cim.scores[block] == pytest.approx(divergence.mean(), rel=1e-3)
        assert cim.details["spread"][block] == pytest.approx(divergence.std(), rel=1e-3)
    assert ablation.seconds == cim.seconds > 0  # one pass for both


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("method", ["ablation", "cim", "shapley"])
def test_an_encoder_says_in_a_sentence_that_it_does_not_apply(name: str, method: str) -> None:
    with pytest.raises(ModelError, match=r"asks for a network that predicts the next token.*leave .* out") as error:
        rank(model_of(name), WINDOWS, RankSettings(("block_influence", method)))
    assert str(error.value).count(".") == 1


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    together = rank(model_of("llama"), WINDOWS, BOTH)
    monkeypatch.setattr(variants, "_WHOLE_BYTES", 128 * 4 * 9)  # nine tokens at once
    apart = rank(model_of("llama"), WINDOWS, BOTH)
    for one, other in zip(together, apart, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)


@pytest.mark.parametrize("method", ["block_influence", "angular", "gbis", "taylor", "avss_script"])
def test_what_is_not_a_number_is_refused_and_does_not_score_0(method: str) -> None:
    model = model_of("llama", 3)
    handle = model.blocks[1].register_forward_hook(lambda _b, _a, out: out * float("nan"))
    try:
        with pytest.raises(NumericalError, match="--dtype float32"):
            rank(model, WINDOWS, RankSettings((method,)))
    finally:
        handle.remove()


@pytest.mark.parametrize("method", ["gbis", "taylor", "ablation", "shapley"])
def test_text_without_a_token_to_predict_has_nothing_to_score(method: str) -> None:
    with pytest.raises(CorpusError, match="each window is one token"):
        rank(model_of("llama", 3), [Window(number, 0, (5 + number,)) for number in range(4)], RankSettings((method,)))


def test_a_loss_that_is_not_finite_is_refused() -> None:
    model = model_of("llama", 3)
    handle = model.blocks[1].register_forward_hook(lambda _b, _a, out: out * float("nan"))
    try:
        with pytest.raises(NumericalError, match="loss is not finite"):
            rank(model, WINDOWS, BOTH)
    finally:
        handle.remove()
