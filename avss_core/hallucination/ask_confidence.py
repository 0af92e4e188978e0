"""Ask a model how sure it is of its answers: in words, by sampling, and by showing it the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from avss_core.errors import ModelError
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.continued import ROWS, Choose, Prompt, readings, write_on
from avss_core.hallucination.estimators import p_true, verbalised
from avss_core.models.load import LoadedModel
from avss_core.tasks.context_length import longest_sequence
from avss_core.tasks.greedy import first_line, line_breaks

Tick = Callable[[int], None]


def ask_confidence(
    model: LoadedModel, answers: pd.DataFrame, settings: AskingAgain, most_tokens: int, tick: Tick = lambda tokens: None
) -> pd.DataFrame:
    """One row for each row of an answers frame: example, verbalised, samples, p_true.

    verbalised: what the model wrote when asked for a percentage; samples: the texts of the sampled answers, of at most
    `most_tokens` tokens, to the prompt in `prompt_ids`; p_true: p(True) / (p(True) + p(False)). What a question gives
    does not depend on those beside it, rounding aside. tick is called after every batch, its counts add up to the
    tokens of all prompts in `prompt_ids`, and with 0 between steps; it may raise Cancelled.
    """
    tokens = [len(ids) for ids in answers["prompt_ids"]]
    counted = _Counted(tick, 3)
    pairs = list(zip(answers["question"], answers["answer"], strict=True))
    said = _verbalised(model, pairs, counted.of(tokens))
    likely = _p_true(model, pairs, counted.of(tokens))
    prompts = [tuple(int(token) for token in ids) for ids in answers["prompt_ids"]]
    samples = _samples(model, prompts, list(answers["example"]), settings, most_tokens, counted.of(tokens))
    return pd.DataFrame({"example": list(answers["example"]), "verbalised": said, "samples": samples, "p_true": likely})


def _verbalised(model: LoadedModel, pairs: Sequence[tuple[str, str]], tick: Callable[[list[int]], None]) -> list[str]:
    prompts = [_ids(model, verbalised.prompt(*pair), verbalised.MOST_TOKENS) for pair in pairs]
    said = [""] * len(prompts)
    for numbers, reading in readings(model.network, prompts):
        written = write_on(reading, _likeliest, _ends(model), verbalised.MOST_TOKENS, lambda: tick([]))
        for number, text in zip(numbers, _texts(model, written), strict=True):
            said[number] = text
        tick(numbers)
    return said


def _p_true(
    model: LoadedModel, pairs: Sequence[tuple[str, str]], tick: Callable[[list[int]], None]
) -> NDArray[np.float64]:
    asked = [_two_ways(model, p_true.prompt(*pair)) for pair in pairs]
    found = np.empty(len(asked))
    for numbers, reading in readings(model.network, [prompt for prompt, _ in asked]):
        words = torch.tensor([asked[number][1] for number in numbers], device=reading.logits.device)
        found[numbers] = reading.logits.gather(1, words).cpu().double().softmax(dim=1)[:, 0].numpy()
        tick(numbers)
    return found


def _samples(
    model: LoadedModel,
    prompts: Sequence[Prompt],
    names: Sequence[str],
    settings: AskingAgain,
    most_tokens: int,
    tick: Callable[[list[int]], None],
) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in prompts]
    for numbers, reading in readings(model.network, prompts, max(1, ROWS // settings.samples)):
        dice = np.concatenate([settings.dice(names[number], most_tokens) for number in numbers])
        choose = _by_chance(torch.from_numpy(dice), settings.temperature)
        copies = reading.repeated(settings.samples)
        written = write_on(copies, choose, _ends(model), most_tokens, lambda: tick([]))
        texts = _texts(model, written)
        for place, number in enumerate(numbers):
            found[number] = texts[place * settings.samples : (place + 1) * settings.samples]
        tick(numbers)
    return found


def _likeliest(logits: Tensor, step: int, going: list[int]) -> Tensor:
    return logits.argmax(dim=1)


def _by_chance(chances: Tensor, temperature: float) -> Choose:
    """Draw the token at which the cumulated probability passes the sequence's number, of (rows, steps) in [0, 1)."""

    def choose(logits: Tensor, step: int, going: list[int]) -> Tensor:
        wide = (logits.cpu() if logits.device.type == "mps" else logits).double()  # Apple's has no float64
        total = (wide / temperature).softmax(dim=1).cumsum(dim=1)
        drawn = chances[going, step].to(total.device) * total[:, -1]
        place = torch.searchsorted(total, drawn[:, None], right=True)
        return place[:, 0].clamp(max=logits.shape[1] - 1).to(logits.device)

    return choose


def _two_ways(model: LoadedModel, prompt: str) -> tuple[Prompt, tuple[int, int]]:
    """The prompt up to where “True” and “False” part, and the two tokens that stand there."""
    true, false = (_whole(model, prompt + word) for word in p_true.WORDS)
    parting = next((at for at, pair in enumerate(zip(true, false, strict=False)) if pair[0] != pair[1]), 0)
    if not parting:
        raise ModelError("The tokenizer of this model does not tell “True” from “False”, so P(True) cannot be asked.")
    return _fitting(model, true[:parting], 0), (true[parting], false[parting])


def _ids(model: LoadedModel, text: str, new_tokens: int) -> Prompt:
    return _fitting(model, _whole(model, text), new_tokens)


def _whole(model: LoadedModel, text: str) -> Prompt:
    return tuple(model.tokenizer(text, truncation=False, padding=False, verbose=False)["input_ids"])


def _fitting(model: LoadedModel, ids: Prompt, new_tokens: int) -> Prompt:
    """A prompt that leaves no room for so many new tokens loses its beginning."""
    longest = longest_sequence(model)
    return ids if longest is None else ids[-max(1, longest - new_tokens) :]


def _ends(model: LoadedModel) -> frozenset[int]:
    end = model.tokenizer.eos_token_id
    return frozenset({*line_breaks(model.tokenizer), *(() if end is None else (end,))})


def _texts(model: LoadedModel, written: list[list[int]]) -> list[str]:
    texts: Any = model.tokenizer.batch_decode(written, skip_special_tokens=True)
    return [first_line(text) for text in texts]


class _Counted:
    """Spreads the tokens of the prompts over several stages, so that they add up to each token once."""

    def __init__(self, tick: Tick, stages: int) -> None:
        self._tick, self._stages, self._done = tick, stages, 0

    def of(self, tokens: Sequence[int]) -> Callable[[list[int]], None]:
        """For one stage: what is called with the numbers of the prompts that are done."""

        def tick(numbers: list[int]) -> None:
            before = self._done
            self._done += sum(tokens[number] for number in numbers)
            self._tick(self._done // self._stages - before // self._stages)

        return tick
