"""The second asking against the same questions worked out one at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.errors import Cancelled, SettingError
from avss_core.hallucination.ask_confidence import ask_confidence
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.estimators import p_true, verbalised
from avss_core.models.load import LoadedModel, wrap
from avss_core.tasks.greedy import greedy_answers

MOST_TOKENS = 6


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    network = tiny_network()
    network.config.max_position_embeddings = 4096  # a token a byte: the prompts with their examples are long
    return wrap(network, tiny_tokenizer())


def answered(model: LoadedModel, count: int = 5) -> pd.DataFrame:
    questions = [f"What is {'so ' * number}rare?" for number in range(count)]
    return pd.DataFrame(
        {
            "example": [f"e{number}" for number in range(count)],
            "question": questions,
            "answer": ["a day in June", "", "x", "hen's teeth", "y z"][:count],
            "prompt_ids": [model.tokenizer(f"Question: {one}\nAnswer:")["input_ids"] for one in questions],
        }
    )


def softmax(logits: torch.Tensor) -> np.ndarray:
    return torch.softmax(logits.double(), dim=0).numpy()


def test_what_each_question_gives_is_what_it_gives_alone(model: LoadedModel) -> None:
    frame, settings = answered(model), AskingAgain(samples=3, temperature=0.8)
    found = ask_confidence(model, frame, settings, MOST_TOKENS)
    assert list(found["example"]) == list(frame["example"])
    for number, row in frame.iterrows():
        pair = (row["question"], row["answer"])
        # P(True): the tokenizer has a token a byte, so the words part after their space, at T and F.
        ids = torch.tensor([model.tokenizer(p_true.prompt(*pair) + " ")["input_ids"]])
        chances = softmax(model.network(ids).logits[0, -1])
        true, false = (model.tokenizer(letter)["input_ids"][0] for letter in "TF")
        expected = chances[true] / (chances[true] + chances[false])
        assert found["p_true"][number] == pytest.approx(expected, rel=1e-3)
        # Verbalised: greedy after its prompt.
        prompt = tuple(model.tokenizer(verbalised.prompt(*pair))["input_ids"])
        ((_, (text,)),) = greedy_answers(model.network, model.tokenizer, [prompt], verbalised.MOST_TOKENS)
        assert found["verbalised"][number] == text
        assert found["samples"][number] == sampled_alone(model, row["example"], row["prompt_ids"], settings)


def sampled_alone(model: LoadedModel, example: str, prompt: list[int], settings: AskingAgain) -> list[str]:
    """The inverse of the cumulated probabilities at the question's own numbers, without cache or batch."""
    dice, texts = settings.dice(example, MOST_TOKENS), []
    for sample in range(settings.samples):
        ids = list(prompt)
        for step in range(MOST_TOKENS):
            with torch.no_grad():
                logits = model.network(torch.tensor([ids])).logits[0, -1]
            below = np.cumsum(softmax(logits / settings.temperature))
            ids.append(int(np.argmax(below > dice[sample, step])))
        text = model.tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True)
        texts.append(text.split("\n")[0].strip())
    return texts


def test_a_question_does_not_depend_on_those_beside_it(model: LoadedModel) -> None:
    frame, settings = answered(model), AskingAgain(samples=2)
    together = ask_confidence(model, frame, settings, MOST_TOKENS)
    apart = pd.concat([ask_confidence(model, frame.iloc[[k]], settings, MOST_TOKENS) for k in range(5)])
    assert list(together["samples"]) == list(apart["samples"])
    assert list(together["verbalised"]) == list(apart["verbalised"])
    np.testing.assert_allclose(together["p_true"], apart["p_true"], rtol=1e-4)


def test_draws_follow_the_seed_and_a_cold_model_says_what_it_says_greedily(model: LoadedModel) -> None:
    frame = answered(model, 3)
    one, same, other = (
        list(ask_confidence(model, frame, AskingAgain(samples=4, temperature=1.5, seed=seed), MOST_TOKENS)["samples"])
        for seed in (0, 0, 1)
    )
    assert one == same != other
    assert len({text for texts in one for text in texts}) > 6
    cold = ask_confidence(model, frame, AskingAgain(samples=2, temperature=1e-4), MOST_TOKENS)
    prompts = [tuple(ids) for ids in frame["prompt_ids"]]
    for numbers, texts in greedy_answers(model.network, model.tokenizer, prompts, MOST_TOKENS):
        for number, text in zip(numbers, texts, strict=True):
            assert cold["samples"][number] == [text, text]


def test_progress_adds_up_to_the_tokens_and_can_stop_it(model: LoadedModel) -> None:
    frame, counted = answered(model), []
    ask_confidence(model, frame, AskingAgain(samples=2), MOST_TOKENS, counted.append)
    assert sum(counted) == sum(map(len, frame["prompt_ids"]))
    assert counted.count(0) > MOST_TOKENS, "between steps it has to listen too"

    def stop(tokens: int) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        ask_confidence(model, frame, AskingAgain(), MOST_TOKENS, stop)


def test_prompts_longer_than_the_model_lose_their_beginning() -> None:
    network = tiny_network()
    network.config.max_position_embeddings = 64
    model = wrap(network, tiny_tokenizer())
    longest = []
    network.get_input_embeddings().register_forward_hook(lambda module, args, output: longest.append(args[0].shape[1]))
    found = ask_confidence(model, answered(model, 2), AskingAgain(samples=1), MOST_TOKENS)
    assert len(found) == 2
    assert max(longest) <= 64


def test_numbers_of_a_question_do_not_change_with_how_many_are_asked_for() -> None:
    few, more = AskingAgain(samples=2).dice("e", 3), AskingAgain(samples=4).dice("e", 5)
    np.testing.assert_array_equal(more[:2, :3], few)
    assert not np.isin(AskingAgain(samples=2).dice("f", 3), few).any()
    for settings in ({"samples": 0}, {"temperature": 0}, {"temperature": np.inf}, {"seed": -1}):
        with pytest.raises(SettingError):
            AskingAgain(**settings)
