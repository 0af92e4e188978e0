"""Classifier heads through the prefix tree against the physically pruned classifier, one text at a time."""

from __future__ import annotations

import pytest
import torch
from random_models import DECODERS, ENCODERS, _shake
from transformers import AutoModelForSequenceClassification

from avss_core.corpora import Example
from avss_core.errors import ModelError
from avss_core.models.load import LoadedModel, wrap
from avss_core.tasks import TASKS
from avss_core.tasks.asked import _ask
from avss_core.tasks.classes import is_classifier, score_classes
from avss_core.tasks.run import check_task
from avss_core.variants import Variant
from avss_core.variants.physical import pruned_network

TASK = TASKS["sentiment"]
TEXTS = ["Good.", "A long complaint about nothing much at all.", "So so, I would say.", "x" * 400]
EXAMPLES = [Example(f"e{n}", n, f"e{n}", text=text, label="positive") for n, text in enumerate(TEXTS)]


def classifier(name: str, tokenizer, **names: str) -> LoadedModel:
    torch.manual_seed(0)
    config = {**DECODERS, **ENCODERS}[name](4)
    config.num_labels = 2
    if names:
        config.id2label = {int(key.removeprefix("c")): label for key, label in names.items()}
    network = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    _shake(network)
    return wrap(network, tokenizer)


@pytest.mark.parametrize("name", [*ENCODERS, "llama", "gpt2", "mistral", "bloom"])
def test_classes_equal_those_of_the_pruned_classifier(name: str, tokenizer) -> None:
    model = classifier(name, tokenizer)
    assert is_classifier(model)
    assert not model.predicts_next_token
    variants = [Variant.full(4), Variant.without(4, [0, 2])]
    asked = list(_ask(TASK, EXAMPLES, tokenizer))
    ticks: list[int] = []
    frame = score_classes(TASK, model, asked, variants, ticks.append)
    assert sum(ticks) == sum(map(len, asked))
    assert frame["example"].tolist() == ["e0", "e1", "e2", "e3"] * 2
    longest = {"roberta": 255, "bloom": 400}.get(name, 256)
    for variant in variants:
        network = pruned_network(model, variant.kept)
        expected = []
        for text in TEXTS:
            ids = tokenizer(text, return_tensors="pt", truncation=True, max_length=longest)["input_ids"]
            with torch.no_grad():
                expected.append(int(network(input_ids=ids).logits[0].argmax()))
        rows = frame[frame["kept"] == variant.key]
        assert rows["chosen"].tolist() == expected
        assert rows["correct"].tolist() == [float(number == 1) for number in expected]


def test_class_scores_are_equal_to_rounding(tokenizer) -> None:
    from avss_core.corpora.batches import make_batches
    from avss_core.corpora.windows import Window
    from avss_core.tasks.classes import class_logits
    from avss_core.variants.trie import walk

    model = classifier("llama", tokenizer)
    windows = [Window(n, 0, tuple(tokenizer(text)["input_ids"])) for n, text in enumerate(TEXTS)]
    variant = Variant.without(4, [1])
    (batch,) = make_batches(windows, 0, padding_per_batch=None)
    ((_, hidden),) = walk(model, batch, [variant])
    found = class_logits(model, batch, hidden)
    network = pruned_network(model, variant.kept)
    for window, values in zip(batch.windows, found, strict=True):
        with torch.no_grad():
            expected = network(input_ids=torch.tensor([window.ids])).logits[0]
        torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-5)


def test_the_order_of_the_classes_does_not_matter(tokenizer) -> None:
    asked = list(_ask(TASK, EXAMPLES, tokenizer))
    told = [
        score_classes(TASK, classifier("bert", tokenizer, **names), asked, [Variant.full(4)], lambda tokens: None)
        for names in ({"c0": "NEGATIVE", "c1": "POSITIVE"}, {"c0": "pos", "c1": "neg"})
    ]
    assert [1 - number for number in told[0]["chosen"]] == told[1]["chosen"].tolist()


def test_other_classes_are_named_with_what_to_do(tokenizer) -> None:
    for names in ({"c0": "sad", "c1": "glad"}, {"c0": "neg", "c1": "pos", "c2": "neutral"}):
        model = classifier("bert", tokenizer, **names)
        with pytest.raises(ModelError, match=r"classes of BertForSequenceClassification \(.*\) are not those"):
            check_task(TASK, model)


def test_a_classifier_does_no_other_task(tokenizer) -> None:
    model = classifier("bert", tokenizer)
    check_task(TASK, model)
    for name in ("perplexity", "multiple_choice", "qa", "closed_book"):
        with pytest.raises(ModelError, match=f"cannot do the task {name}; use a causal language model"):
            check_task(TASKS[name], model)
