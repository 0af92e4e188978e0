from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from random_models import DECODERS, VOCAB, build

from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import CorpusError, ModelError, NumericalError, SettingError
from avss_core.models.load import LoadedModel, wrap
from avss_core.tasks import next_token, perplexity, perplexity_table, retained
from avss_core.variants import Variant
from avss_core.variants.physical import pruned_network

LENGTHS = {0: (16, 16, 5), 1: (9,), 2: (1,), 4: (16, 1), 7: (2,)}  # of each document's windows


def windows_of(lengths: dict[int, tuple[int, ...]]) -> list[Window]:
    generator = torch.Generator().manual_seed(5)
    found = []
    for document, parts in lengths.items():
        start = 0
        for length in parts:
            ids = torch.randint(3, VOCAB, (length,), generator=generator)
            found.append(Window(document, start, tuple(ids.tolist())))
            start += length
    return found


def plain_loop(network: torch.nn.Module, windows: list[Window]) -> dict[int, tuple[float, int]]:
    """Hugging Face's own loss, one window at a time: document -> (summed nll, predicted tokens)."""
    sums: dict[int, tuple[float, int]] = {}
    for window in windows:
        if len(window.ids) < 2:
            continue
        ids = torch.tensor([window.ids])
        with torch.no_grad():
            loss = network(input_ids=ids, labels=ids).loss.double().item()
        nll, tokens = sums.get(window.document, (0.0, 0))
        sums[window.document] = (nll + loss * (len(window.ids) - 1), tokens + len(window.ids) - 1)
    return sums


@pytest.fixture
def llama() -> LoadedModel:
    return wrap(build("llama"), tokenizer=None)


@pytest.mark.parametrize("name", DECODERS)
def test_equal_to_a_plain_hugging_face_loop(name: str) -> None:
    model, windows = wrap(build(name), tokenizer=None), windows_of(LENGTHS)
    variants = [Variant.full(4), Variant.without(4, [0, 2])]
    frame = perplexity.score(model, make_batches(windows, pad_id=0, tokens_per_batch=40), variants)
    for variant, network in zip(variants, [model.network, pruned_network(model, (1, 3))], strict=True):
        expected = plain_loop(network, windows)
        rows = frame[frame["kept"] == variant.key].set_index("document")
        assert set(rows.index) == set(expected) == {0, 1, 4, 7}
        for document, (nll, tokens) in expected.items():
            assert rows.loc[document, "nll"] == pytest.approx(nll, rel=1e-5)
            assert rows.loc[document, "tokens"] == tokens
        evaluation = perplexity_table.summarise(frame[frame["kept"] == variant.key])
        total, count = map(sum, zip(*expected.values(), strict=True))
        assert evaluation.value == pytest.approx(math.exp(total / count), rel=1e-5)
        assert evaluation.n == 4
        assert evaluation.low < evaluation.value < evaluation.high
        assert not evaluation.higher_is_better


def test_columns_and_types(llama: LoadedModel) -> None:
    frame = perplexity.score(llama, make_batches(windows_of(LENGTHS), pad_id=0), [Variant.full(4)])
    assert list(frame.columns) == ["kept", "document", "nll", "tokens"]
    assert frame["kept"].unique().tolist() == ["0,1,2,3"]
    assert frame["nll"].dtype == np.float64
    assert frame["document"].dtype == frame["tokens"].dtype == np.int64


def test_batches_of_any_size_and_on_either_side_of_a_document_give_the_same(llama: LoadedModel) -> None:
    windows, variants = windows_of(LENGTHS), [Variant.full(4), Variant.without(4, [3])]
    whole = perplexity.score(llama, make_batches(windows, pad_id=0, tokens_per_batch=10_000), variants)
    one_by_one = [perplexity.score(llama, [batch], variants) for batch in make_batches(windows, 0, tokens_per_batch=1)]
    for variant in variants:
        first = perplexity_table.summarise(whole[whole["kept"] == variant.key])
        parts = pd.concat(one_by_one)
        second = perplexity_table.summarise(parts[parts["kept"] == variant.key])
        assert (second.value, second.low, second.high) == pytest.approx((first.value, first.low, first.high), rel=1e-6)
        assert first.n == second.n


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_neither_predicted_nor_predicted_from(side: str) -> None:
    windows = [Window(0, 0, (5, 6, 7)), Window(9, 0, (8, 9))]
    (batch,) = make_batches(windows, pad_id=0, side=side)
    predicted = next_token.predicted_tokens(batch)
    at = batch.input_ids.flatten()[predicted.rows]
    assert list(zip(at.tolist(), predicted.targets.tolist(), predicted.documents.tolist(), strict=True)) == [
        (5, 6, 0),
        (6, 7, 0),
        (8, 9, 9),
    ]


def test_small_chunks_of_the_head_change_nothing(llama: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = make_batches(windows_of(LENGTHS), pad_id=0)
    whole = perplexity.score(llama, batches, [Variant.full(4)])
    sizes: list[int] = []
    real_tail = next_token.tail_logits

    def watched(model: LoadedModel, rows: torch.Tensor) -> torch.Tensor:
        sizes.append(len(rows))
        return real_tail(model, rows)

    monkeypatch.setattr(next_token, "tail_logits", watched)
    monkeypatch.setitem(next_token._CHUNKS, "cpu", next_token._Chunk(logits=7 * VOCAB * 4, loss=2 * VOCAB * 4))
    chunked = perplexity.score(llama, batches, [Variant.full(4)])
    # Padding and first tokens never reach the head: 15+15+4+8+15+1 rows in sevens.
    assert max(sizes) == 7
    assert sum(sizes) == whole["tokens"].sum() == 58
    np.testing.assert_allclose(chunked["nll"], whole["nll"], rtol=1e-6)


def test_a_small_memory_budget_changes_nothing(llama: LoadedModel) -> None:
    batches = make_batches(windows_of(LENGTHS), pad_id=0)
    variants = [Variant.without(4, [block]) for block in range(4)]
    pd.testing.assert_frame_equal(
        perplexity.score(llama, batches, variants).sort_values(["kept", "document"], ignore_index=True),
        perplexity.score(llama, batches, variants, memory_budget=0).sort_values(
            ["kept", "document"], ignore_index=True
        ),
    )


def test_a_variant_given_twice_counts_once(llama: LoadedModel) -> None:
    batches = make_batches(windows_of(LENGTHS), pad_id=0)
    once, twice = (perplexity.score(llama, batches, [Variant.full(4)] * times) for times in (1, 2))
    pd.testing.assert_frame_equal(once, twice)


def test_hand_worked_summary() -> None:
    frame = pd.DataFrame({"document": [0, 1, 0], "nll": [3.0, 2.0, 1.0], "tokens": [2, 1, 1]})
    evaluation = perplexity_table.summarise(frame)
    assert evaluation.value == pytest.approx(math.exp(6 / 4))
    assert evaluation.n == 2
    # Two documents: a resample is (0, 0), (0, 1) or (1, 1), with means 4/3, 6/4 and 2.
    assert (evaluation.low, evaluation.high) == pytest.approx((math.exp(4 / 3), math.exp(2)))


def test_one_document_has_a_value_and_no_interval() -> None:
    evaluation = perplexity_table.summarise(pd.DataFrame({"document": [3], "nll": [2.0], "tokens": [4]}))
    assert evaluation.value == pytest.approx(math.exp(0.5))
    assert math.isnan(evaluation.low)
    assert math.isnan(evaluation.high)
    assert evaluation.n == 1


def test_the_retained_share_is_resampled_in_pairs(llama: LoadedModel) -> None:
    batches = make_batches(windows_of(dict.fromkeys(range(12), (12,))), pad_id=0)
    frame = perplexity.score(llama, batches, [Variant.full(4), Variant.without(4, [1])])
    before, after = (rows for _, rows in frame.groupby("kept", sort=False))
    low, high = perplexity_table.retained_interval(before, after)
    assert low < retained(perplexity_table.summarise(before), perplexity_table.summarise(after)) < high
    assert perplexity_table.retained_interval(before, before) == (1.0, 1.0)
    with pytest.raises(SettingError, match="different documents"):
        perplexity_table.retained_interval(before, after[after["document"] != 3])


def test_several_variants_are_not_summed_up(llama: LoadedModel) -> None:
    batches = make_batches(windows_of(LENGTHS), pad_id=0)
    frame = perplexity.score(llama, batches, [Variant.full(4), Variant.without(4, [1])])
    with pytest.raises(SettingError, match="several variants"):
        perplexity_table.summarise(frame)


def test_windows_of_one_token_predict_nothing(llama: LoadedModel) -> None:
    frame = perplexity.score(llama, make_batches(windows_of({0: (1,), 1: (1, 1)}), pad_id=0), [Variant.full(4)])
    assert frame.empty
    assert list(frame.columns) == ["kept", "document", "nll", "tokens"]
    with pytest.raises(CorpusError, match="no token to predict"):
        perplexity_table.summarise(frame)


def test_a_loss_that_is_not_a_number_is_reported_with_its_cut(llama: LoadedModel) -> None:
    with torch.no_grad():
        next(llama.blocks[2].parameters()).fill_(math.nan)
    batches = make_batches(windows_of(LENGTHS), pad_id=0)
    with pytest.raises(NumericalError, match=r"Without the blocks \[1\] the loss is not finite on document 0"):
        perplexity.score(llama, batches, [Variant.without(4, [1])])
    # Without the broken block the model is sound.
    assert np.isfinite(perplexity.score(llama, batches, [Variant.without(4, [2])])["nll"]).all()


def test_a_masked_language_model_has_no_perplexity() -> None:
    model = wrap(build("bert"), tokenizer=None)
    with pytest.raises(ModelError, match="does not predict the next token"):
        perplexity.score(model, make_batches(windows_of(LENGTHS), pad_id=0), [Variant.full(4)])
