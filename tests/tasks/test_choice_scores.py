"""Likelihoods of given answers against Hugging Face's own logits, one sequence at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import DECODERS, build

from avss_core.corpora import Example
from avss_core.errors import NumericalError
from avss_core.models.load import LoadedModel, wrap
from avss_core.tasks import TASKS, Asked
from avss_core.tasks.asked import _ask
from avss_core.tasks.choices import credit, log_likelihoods, score_choices
from avss_core.variants import Variant
from avss_core.variants.physical import pruned_network

TASK = TASKS["multiple_choice"]
EXAMPLES = [
    Example(f"e{n}", n, f"e{n}", question=question, choices=choices, right=(right,))
    for n, (question, choices, right) in enumerate(
        [
            ("Which is long?", ("a", "an answer of many words", "two words"), 1),
            ("Is it?", ("yes", "yes and no", "no", "nobody knows it"), 0),
            ("A question that is a good deal longer than the others are?", ("he", "she"), 1),
        ]
    )
]


def plain_likelihood(network: torch.nn.Module, tokenizer, prompt: str, continuation: str) -> float:
    """Σ ln p of the continuation's characters, from all logits of one unpadded sequence."""
    ids = tokenizer(prompt + continuation, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logs = network(input_ids=ids[:, :-1]).logits[0].double().log_softmax(-1)
    start = ids.shape[1] - len(continuation)
    return sum(logs[place - 1, ids[0, place]].item() for place in range(start, ids.shape[1]))


def nothing(tokens: int) -> None:
    return


@pytest.mark.parametrize("name", DECODERS)
def test_likelihoods_equal_a_plain_loop_on_the_pruned_network(name: str, tokenizer) -> None:
    model = wrap(build(name), tokenizer)
    asked = list(_ask(TASK, EXAMPLES, tokenizer))
    variants = [Variant.full(4), Variant.without(4, [1, 2])]
    found = log_likelihoods(model, asked, variants, nothing)
    for variant in variants:
        network = pruned_network(model, variant.kept)
        for one, values in zip(asked, found[variant], strict=True):
            prompt = TASK.prompt(one.example)
            expected = [plain_likelihood(network, tokenizer, prompt, c) for c in TASK.continuations(one.example)]
            assert values == pytest.approx(expected, rel=1e-4)


@pytest.fixture
def llama(tokenizer) -> LoadedModel:
    return wrap(build("llama"), tokenizer)


def test_a_table_with_a_row_for_each_example_and_variant(llama: LoadedModel, tokenizer) -> None:
    asked = list(_ask(TASK, EXAMPLES, tokenizer))
    variants = [Variant.full(4), Variant.without(4, [3])]
    ticks: list[int] = []
    frame = score_choices(TASK, llama, asked, variants, ticks.append)
    assert list(frame.columns) == ["kept", "document", "example", "chosen", "correct", "correct_by_sum"]
    assert frame["kept"].tolist() == ["0,1,2,3"] * 3 + ["0,1,2"] * 3
    assert frame["example"].tolist() == ["e0", "e1", "e2"] * 2
    assert sum(ticks) == sum(map(len, asked))
    likelihoods = log_likelihoods(llama, asked, variants[:1], nothing)[variants[0]]
    for values, example, row in zip(likelihoods, EXAMPLES, frame[:3].itertuples(), strict=True):
        by_character = [value / len(choice) for value, choice in zip(values, example.choices, strict=True)]
        assert row.chosen == int(np.argmax(by_character))
        assert row.correct == float(int(np.argmax(by_character)) == example.right[0])
        assert row.correct_by_sum == float(int(np.argmax(values)) == example.right[0])
    # Dividing by the length makes a difference here, or this test would not see it.
    assert (np.argmax(likelihoods[0]), np.argmax(likelihoods[1])) != (frame["chosen"][0], frame["chosen"][1])


def test_sentiment_equals_a_plain_loop(llama: LoadedModel, tokenizer) -> None:
    task = TASKS["sentiment"]
    examples = [
        Example(f"e{n}", n, f"e{n}", text=text, label=label)
        for n, (text, label) in enumerate([("Good.", "positive"), ("Bad, too.", "negative"), ("So?", "1")])
    ]
    frame = score_choices(task, llama, list(_ask(task, examples, tokenizer)), [Variant.full(4)], nothing)
    for example, row in zip(examples, frame.itertuples(), strict=True):
        negative, positive = (
            plain_likelihood(llama.network, tokenizer, f"Review: {example.text}\nSentiment:", f" {label}")
            for label in ("negative", "positive")
        )
        assert row.chosen == int(positive > negative)
        assert row.correct == float(row.chosen == (example.label != "negative"))


@pytest.mark.parametrize(
    ("scores", "right", "expected"),
    [
        ([-1.0, -2.0], (0,), 1.0),
        ([-1.0, -2.0], (1,), 0.0),
        ([-1.0, -1.0, -3.0], (1,), 0.5),
        ([-1.0, -1.0, -1.0, -1.0], (0,), 0.25),
        ([-1.0, -1.0, -2.0], (0, 1), 1.0),
        ([-1.0, -1.0, -2.0], (2,), 0.0),
        ([-5.0], (0,), 1.0),
    ],
)
def test_choices_that_tie_share_the_point(scores: list[float], right: tuple[int, ...], expected: float) -> None:
    assert credit(np.array(scores), right) == pytest.approx(expected)


def test_a_model_that_finds_all_alike_gets_what_chance_gives(llama: LoadedModel, tokenizer) -> None:
    with torch.no_grad():
        llama.network.model.norm.weight.zero_()  # all logits are 0, every character has p = 1/128
    asked = list(_ask(TASK, EXAMPLES, tokenizer))
    frame = score_choices(TASK, llama, asked, [Variant.full(4)], nothing)
    values = log_likelihoods(llama, asked, [Variant.full(4)], nothing)[Variant.full(4)]
    assert values[2] == pytest.approx([-3 * np.log(128), -4 * np.log(128)])
    # By the sum the shortest wins: "a", "no", "he".
    assert frame["correct_by_sum"].tolist() == [0.0, 0.0, 0.0]


def test_a_prompt_longer_than_the_model_allows_is_cut_at_its_beginning(tokenizer) -> None:
    model = wrap(build("gpt2"), tokenizer)  # 256 learned positions
    long = Example("e", 0, "e", question="x" * 500, choices=("yes", "no"), right=(0,))
    (one,) = _ask(TASK, [long], tokenizer)
    (found,) = log_likelihoods(model, [one.within(256)], [Variant.full(4)], nothing)[Variant.full(4)]
    frame = score_choices(TASK, model, [one], [Variant.full(4)], nothing)
    assert frame["chosen"][0] == int(np.argmax(found / [3, 2]))
    tail = tokenizer.decode(one.ids[-(256 - 3) :])
    assert found[0] == pytest.approx(plain_likelihood(model.network, tokenizer, tail, " yes"), rel=1e-4)


def test_a_likelihood_that_is_not_a_number_is_reported_with_its_cut(llama: LoadedModel, tokenizer) -> None:
    with torch.no_grad():
        next(llama.blocks[2].parameters()).fill_(float("nan"))
    asked: list[Asked] = list(_ask(TASK, EXAMPLES, tokenizer))
    with pytest.raises(NumericalError, match=r"Without the blocks \[1\] the likelihood .* not finite \(example e0\)"):
        score_choices(TASK, llama, asked, [Variant.without(4, [1])], nothing)
