"""CIM and ablation of classifiers against networks that are built without the block, one text at a time, in float64."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from random_models import DECODERS, ENCODERS, _shake
from rank_cases import windows_of
from torch import nn
from transformers import AutoModelForSequenceClassification

from avss_core.corpora.windows import Window
from avss_core.errors import ModelError, NumericalError
from avss_core.importance import RankSettings, fitting
from avss_core.importance.passes import measured, variants
from avss_core.importance.rank import rank
from avss_core.models.load import LoadedModel, wrap

# The last two are one document, so that sums by document and windows are not the same.
WINDOWS = [*windows_of(13, 8, 3, 1, 8), Window(4, 8, (9, 4, 6, 31))]
BOTH = RankSettings(("ablation", "cim"))
CLASSES = 3


def classifier(name: str, classes: int = CLASSES, pad_id: int | None = 0) -> LoadedModel:
    torch.manual_seed(0)
    config = {**DECODERS, **ENCODERS}[name](4)
    config.num_labels, config.pad_token_id = classes, pad_id
    network = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    _shake(network)
    return wrap(network, tokenizer=None)


def alone(model: LoadedModel, without: int | None = None) -> NDArray[np.float64]:
    """p(class) of each window by itself, (windows, classes), in float64 throughout, a block deleted from the list."""
    network = copy.deepcopy(model.network).double()
    if without is not None:
        path, _, last = model.blocks_path.rpartition(".")
        kept = [block for index, block in enumerate(network.get_submodule(model.blocks_path)) if index != without]
        setattr(network.get_submodule(path), last, nn.ModuleList(kept))
    with torch.no_grad():
        rows = [network(input_ids=torch.tensor([window.ids]), use_cache=False).logits[0] for window in WINDOWS]
    grown = np.exp(torch.stack(rows).numpy())
    found: NDArray[np.float64] = grown / grown.sum(axis=1, keepdims=True)
    return found


@pytest.mark.parametrize("name", ["bert", "distilbert", "roberta", "llama", "gpt2"])
def test_equal_to_softmaxes_of_physically_pruned_classifiers(name: str) -> None:
    model = classifier(name)
    ablation, cim = rank(model, WINDOWS, BOTH)
    p = alone(model)
    own, rows = p.argmax(axis=1), np.arange(len(WINDOWS))
    assert ablation.details["loss"] == pytest.approx(-np.log(p[rows, own]).mean(), rel=1e-4)
    for block in range(4):
        q = alone(model, block)
        divergence = (p * np.log(p / q)).sum(axis=1)
        assert cim.scores[block] == pytest.approx(divergence.mean(), rel=1e-3)
        assert cim.details["spread"][block] == pytest.approx(divergence.std(), rel=1e-3)
        added = (np.log(p[rows, own]) - np.log(q[rows, own])).mean()
        assert ablation.scores[block] == pytest.approx(added, rel=1e-3, abs=1e-5)
    assert min(cim.scores) > 1e-3, "the blocks do something"
    assert cim.block_runs == 4 + 3 + 1 + 2 + 1 + 1 + 1  # as the tree of a decoder
    assert ablation.samples == cim.samples == 5  # documents


@pytest.mark.parametrize("name", ["bert", "distilbert", "llama"])
def test_padding_does_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, told = classifier(name), []
    with_padding = rank(model, WINDOWS, BOTH, told.append)
    assert sum(told) == sum(map(len, WINDOWS))
    assert any((batch.attention_mask == 0).any() for batch in measured.batches_of(model, WINDOWS))
    monkeypatch.setattr(variants, "TOKENS_PER_BATCH", 1)  # every window in a batch of its own
    one_by_one = rank(model, WINDOWS, BOTH)
    for batched, single in zip(with_padding, one_by_one, strict=True):
        assert batched.scores == pytest.approx(single.scores, rel=1e-4, abs=1e-6)


def test_a_decoder_without_a_padding_token_is_given_each_text_by_itself() -> None:
    model = classifier("llama", pad_id=None)
    (cim,) = rank(model, WINDOWS, RankSettings(("cim",)))
    p = alone(model)
    expected = [(p * np.log(p / alone(model, block))).sum(axis=1).mean() for block in range(4)]
    assert cim.scores == pytest.approx(expected, rel=1e-3)


def test_cim_does_not_depend_on_ablation_beside_it() -> None:
    model = classifier("distilbert")
    ablation, cim = rank(model, WINDOWS, BOTH)
    (only_ablation,), (only_cim,) = (rank(model, WINDOWS, RankSettings((name,))) for name in ("ablation", "cim"))
    assert only_ablation.scores == ablation.scores
    assert only_cim.scores == cim.scores


def test_small_divergences_are_exact() -> None:
    model = classifier("bert")
    with torch.no_grad():
        model.network.classifier.weight.mul_(1e-3)
    (cim,) = rank(model, WINDOWS, RankSettings(("cim",)))
    p = alone(model)
    expected = [(p * np.log(p / alone(model, block))).sum(axis=1).mean() for block in range(4)]
    assert max(expected) < 1e-6, "below what float32 tells apart"
    assert cim.scores == pytest.approx(expected, rel=1e-2)


def test_shapley_and_a_single_output_are_refused_in_a_sentence() -> None:
    with pytest.raises(
        ModelError, match="predicts the next token, which BertForSequenceClassification is not"
    ) as error:
        rank(classifier("bert"), WINDOWS, RankSettings(("cim", "shapley")))
    assert "leave shapley out" in str(error.value)
    with pytest.raises(
        ModelError, match="one of several classes, which BertForSequenceClassification is not; leave cim"
    ):
        rank(classifier("bert", classes=1), WINDOWS, RankSettings(("cim",)))


def test_everything_that_fits_ranks_a_classifier() -> None:
    names = tuple(method.name for method in fitting(predicts_next_token=False, has_head=True, classifies=True))
    assert {"ablation", "cim", "gbis", "lrp"} <= set(names)
    rankings = rank(classifier("distilbert"), WINDOWS, RankSettings(names))
    assert all(np.isfinite(ranking.scores).all() for ranking in rankings)


def test_a_loss_that_is_not_finite_is_refused() -> None:
    model = classifier("bert")
    handle = model.blocks[1].register_forward_hook(lambda _b, _a, out: out * float("nan"))
    try:
        with pytest.raises(NumericalError, match="loss is not finite"):
            rank(model, WINDOWS, BOTH)
    finally:
        handle.remove()
