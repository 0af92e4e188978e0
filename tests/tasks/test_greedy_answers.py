"""Greedy answers of a padded batch against a plain loop without padding, cache, or `generate`."""

from __future__ import annotations

import pytest
import torch
from random_models import DECODERS, build
from transformers import GenerationConfig

from avss_core.models.load import wrap
from avss_core.tasks.greedy import first_line, greedy_answers, line_breaks
from avss_core.variants.physical import pruned_network

PROMPTS = [(40, 41, 42, 43, 44, 45, 46, 47, 48), (50,), (60, 61, 62, 63), (70, 71)]
STEPS = 8


def plain_loop(network: torch.nn.Module, prompt: tuple[int, ...], steps: int, ends: set[int]) -> list[int]:
    """One prompt, the whole sequence anew at every step."""
    ids = list(prompt)
    for _ in range(steps):
        with torch.no_grad():
            likeliest = int(network(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
        ids.append(likeliest)
        if likeliest in ends:
            break
    return ids[len(prompt) :]


def answers_of(network, tokenizer, prompts, steps: int) -> list[str]:
    found: dict[int, str] = {}
    for numbers, texts in greedy_answers(network, tokenizer, prompts, steps):
        found.update(zip(numbers, texts, strict=True))
    return [found[number] for number in range(len(prompts))]


@pytest.mark.parametrize("name", DECODERS)
def test_a_padded_batch_of_a_pruned_network_answers_as_a_plain_loop(name: str, tokenizer) -> None:
    model = wrap(build(name), tokenizer)
    for kept in ((0, 1, 2, 3), (0, 3)):
        network = pruned_network(model, kept)
        expected = [
            first_line(tokenizer.decode(plain_loop(network, prompt, STEPS, {2, 100, 101}), skip_special_tokens=True))
            for prompt in PROMPTS
        ]
        assert answers_of(network, tokenizer, PROMPTS, STEPS) == expected
        assert answers_of(network, tokenizer, PROMPTS[:1], STEPS) == expected[:1]
    assert any(expected)


def test_an_answer_ends_at_any_token_with_a_line_break(make_tokenizer) -> None:
    network = build("llama")
    free = plain_loop(network, PROMPTS[0], STEPS, set())
    stop = next(place for place in range(2, STEPS) if free[place] not in free[:place])
    for text in ("\n", "!\n", "!\n?"):
        tokenizer = make_tokenizer(**{f"t{free[stop]}": text})
        assert line_breaks(tokenizer) == (free[stop],)
        before = tokenizer.decode(free[:stop])
        said = (before + text.split("\n")[0]).strip()
        assert answers_of(network, tokenizer, PROMPTS[:1], STEPS) == [said]
        # In a batch, whoever ends first waits for the others without a word.
        assert answers_of(network, tokenizer, PROMPTS, STEPS)[0] == said


def test_an_answer_ends_after_so_many_tokens(tokenizer) -> None:
    network = build("llama")
    long, short = (answers_of(network, tokenizer, PROMPTS, steps) for steps in (8, 3))
    assert all(whole.startswith(part) for whole, part in zip(long, short, strict=True))
    assert max(map(len, short)) <= 3


def test_the_models_own_generation_settings_do_not_count(tokenizer) -> None:
    network = build("llama")
    plain = answers_of(network, tokenizer, PROMPTS, STEPS)
    wild = GenerationConfig(do_sample=True, temperature=5.0, repetition_penalty=9.0, num_beams=2, min_new_tokens=8)
    network.generation_config = wild
    torch.manual_seed(1)
    assert answers_of(network, tokenizer, PROMPTS, STEPS) == plain
    assert network.generation_config is wild


@pytest.mark.parametrize(("text", "line"), [(" Paris\nQuestion:", "Paris"), ("\nno", ""), ("", ""), (" a b ", "a b")])
def test_the_first_line_is_the_answer(text: str, line: str) -> None:
    assert first_line(text) == line
