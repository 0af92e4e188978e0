"""From relevance to scores: documents, intervals, what is explained, and what cannot be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import transformers as hf
from random_models import HIDDEN, VOCAB, build

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import CorpusError, ModelError, NumericalError, SettingError
from avss_core.importance.lrp.result import merge_results
from avss_core.importance.lrp.scores import lrp_scores
from avss_core.importance.lrp.settings import LrpSettings
from avss_core.models.load import wrap


def singles(batch: Batch) -> list[Batch]:
    """Every window in a batch of its own."""
    return [make_batches([window], pad_id=0)[0] for window in batch.windows]


@pytest.mark.parametrize("name", ["llama", "bert"])
def test_batching_does_not_matter(name: str, model_of, batch: Batch) -> None:
    model = model_of(name)
    together, apart = lrp_scores(model, [batch]), lrp_scores(model, singles(batch))
    assert together.scores == pytest.approx(apart.scores, rel=1e-4)
    for table in ("documents", "blocks", "boundaries", "absorbed"):
        one, other = getattr(together, table), getattr(apart, table)
        assert np.allclose(one.select_dtypes("number"), other.select_dtypes("number"), rtol=1e-4, atol=1e-4)
    assert together.documents["document"].tolist() == [0, 1]
    assert together.documents["tokens"].tolist() == [9, 11]


def test_merging_shards_is_one_run(model_of, batch: Batch) -> None:
    model = model_of("llama")
    parts = [lrp_scores(model, [single]) for single in singles(batch)]
    merged, whole = merge_results(parts), lrp_scores(model, [batch])
    assert merged.scores == pytest.approx(whole.scores, rel=1e-4)
    assert merged.conservation_error == pytest.approx(whole.conservation_error, abs=1e-4)
    with pytest.raises(SettingError, match="different rules"):
        merge_results([whole, lrp_scores(model, [batch], epsilon=0.1)])


def test_what_is_explained_is_the_logits_of_the_true_next_tokens(model_of, batch: Batch) -> None:
    model = model_of("gpt2")
    with torch.no_grad():
        logits = model.network(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.double()
    by_document = {0: 0.0, 1: 0.0}
    for row, window in enumerate(batch.windows):
        by_document[window.document] += sum(float(logits[row, t, window.ids[t + 1]]) for t in range(len(window) - 1))
    result = lrp_scores(model, [batch])
    assert result.documents["output"].tolist() == pytest.approx(list(by_document.values()), rel=1e-4)


def test_the_last_token(model_of, batch: Batch) -> None:
    model = model_of("llama")
    result = lrp_scores(model, [batch], explained="last")
    expected = {0: 0.0, 1: 0.0}
    with torch.no_grad():
        for window in batch.windows:
            expected[window.document] += float(model.network(input_ids=torch.tensor([window.ids])).logits[0, -1].max())
    assert result.documents["output"].tolist() == pytest.approx(list(expected.values()), rel=1e-4)
    assert result.conservation_error < 1e-3


def test_a_masked_model_explains_each_token_at_its_place(model_of, batch: Batch) -> None:
    model = model_of("bert")
    with torch.no_grad():
        logits = model.network(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.double()
    expected = sum(float(logits[0, t, token]) for t, token in enumerate(batch.windows[0].ids))
    assert lrp_scores(model, [batch]).documents["output"][0] == pytest.approx(expected, rel=1e-4)


def classifier(name: str):
    common = {"vocab_size": VOCAB, "num_labels": 3, "pad_token_id": 0}
    torch.manual_seed(0)
    if name == "distilbert":
        config = hf.DistilBertConfig(**common, dim=HIDDEN, hidden_dim=128, n_heads=4, n_layers=2, initializer_range=0.2)
        network = hf.DistilBertForSequenceClassification(config)
    else:
        widths = {"hidden_size": HIDDEN, "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2}
        network = hf.RobertaForSequenceClassification(hf.RobertaConfig(**common, **widths, initializer_range=0.2))
    return wrap(network, tokenizer=None)


@pytest.mark.parametrize("name", ["distilbert", "roberta"])
def test_a_classifier_explains_its_strongest_class(name: str, batch: Batch) -> None:
    model = classifier(name)  # its biases are 0, as they start
    result = lrp_scores(model, [batch])
    with torch.no_grad():
        logits = model.network(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
    strongest = logits.amax(dim=1).tolist()
    assert result.documents["output"].tolist() == pytest.approx([strongest[0], strongest[1] + strongest[2]], rel=1e-4)
    assert result.conservation_error < 1e-3
    assert (result.scores > 0).all()


def test_score_of_a_block_that_writes_nothing_is_zero(model_of, batch: Batch) -> None:
    model = model_of("llama")
    with torch.no_grad():
        model.blocks[1].self_attn.o_proj.weight.zero_()
        model.blocks[1].mlp.down_proj.weight.zero_()
    scores = lrp_scores(model, [batch]).scores
    assert scores[1] == 0
    assert (scores[[0, 2]] > 0).all()


def test_intervals(model_of) -> None:
    generator = torch.Generator().manual_seed(0)
    windows = [
        Window(document, 0, tuple(torch.randint(3, VOCAB, (6,), generator=generator).tolist())) for document in range(8)
    ]
    model = model_of("llama", 2)
    result = lrp_scores(model, make_batches(windows, pad_id=0))
    low, high = result.intervals()
    assert (low < result.scores).all()
    assert (result.scores < high).all()
    alone = lrp_scores(model, make_batches(windows[:1], pad_id=0)).intervals()
    assert all(math.isnan(end) for ends in alone for end in ends)


def test_windows_of_one_token_say_nothing(model_of) -> None:
    one, two = Window(0, 0, (5,)), Window(1, 0, (5, 6))
    model = model_of("llama", 2)
    with pytest.raises(CorpusError, match="nothing to explain"):
        lrp_scores(model, make_batches([one], pad_id=0))
    both = lrp_scores(model, make_batches([one, two], pad_id=0, padding_per_batch=None))
    only = lrp_scores(model, make_batches([two], pad_id=0))
    assert both.scores == pytest.approx(only.scores, rel=1e-4)
    assert both.documents["document"].tolist() == [1]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rule": "epsilom"}, 'did you mean "epsilon"'),
        ({"attention": "frozen"}, "conservative, attnlrp"),
        ({"explained": "first"}, "tokens, last"),
        ({"epsilon": -1e-3}, "ε"),
        ({"epsilon": math.nan}, "ε"),
        ({"alpha": math.inf}, "α"),
    ],
)
def test_settings_out_of_range(wrong: dict, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        LrpSettings(**wrong)


def test_networks_that_cannot_be_explained(model_of, batch: Batch) -> None:
    headless = wrap(build("llama", 2).base_model, tokenizer=None)
    with pytest.raises(ModelError, match="no head"):
        lrp_scores(headless, [batch])
    with pytest.raises(ModelError, match="does not predict"):
        lrp_scores(model_of("bert", 2), [batch], explained="last")


def test_weights_that_are_not_finite(model_of, batch: Batch) -> None:
    model = model_of("llama", 2)
    with torch.no_grad():
        model.blocks[1].mlp.down_proj.weight[0, 0] = torch.nan
    with pytest.raises(NumericalError, match="document 0 is not finite"):
        lrp_scores(model, [batch])


def test_bfloat16_is_close(model_of, batch: Batch) -> None:
    exact = lrp_scores(model_of("llama"), [batch])
    rough = lrp_scores(wrap(build("llama", 3, dtype=torch.bfloat16), tokenizer=None), [batch])
    assert rough.scores == pytest.approx(exact.scores, rel=0.05)
