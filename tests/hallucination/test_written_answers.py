"""Answers written in a padded batch, and their log-probabilities, against a plain loop without padding or cache."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ascii_tokenizer import ascii_tokenizer
from random_models import build

from avss_core.hallucination.answer_pass import answer_questions, measure_answers
from avss_core.hallucination.written import Written
from avss_core.models.load import wrap
from avss_core.tasks.greedy import greedy_answers, line_breaks
from avss_core.variants.physical import pruned_network

PROMPTS = [(40, 41, 42, 43, 44, 45, 46), (50,), (60, 61, 62), (70, 71)]
STEPS = 8


def plain_loop(network: torch.nn.Module, prompt: tuple[int, ...], ends: set[int]) -> tuple[list[int], list[float]]:
    """One prompt, the whole sequence anew at every step, log-softmax by NumPy in float64; ends are not kept."""
    ids, logprobs = list(prompt), []
    for _ in range(STEPS):
        with torch.no_grad():
            logits = network(input_ids=torch.tensor([ids])).logits[0, -1].numpy().astype(np.float64)
        likeliest = int(logits.argmax())
        if likeliest in ends:
            break
        ids.append(likeliest)
        logprobs.append(float(logits.max() - np.log(np.exp(logits - logits.max()).sum()) - logits.max()))
    return ids[len(prompt) :], logprobs


def all_written(network, tokenizer, prompts=PROMPTS) -> list[Written]:
    return answer_questions(wrap(network, tokenizer), prompts, STEPS)[0]


@pytest.mark.parametrize("name", ["llama", "gpt2", "opt", "mistral", "bloom"])
@pytest.mark.parametrize("kept", [(0, 1, 2, 3), (0, 3)])
def test_tokens_and_log_probabilities_are_those_of_a_plain_loop(name: str, kept: tuple[int, ...]) -> None:
    tokenizer = ascii_tokenizer()
    network = pruned_network(wrap(build(name), tokenizer), kept)
    ends = {tokenizer.eos_token_id, *line_breaks(tokenizer)}
    for prompt, written in zip(PROMPTS, all_written(network, tokenizer), strict=True):
        ids, logprobs = plain_loop(network, prompt, ends)
        assert list(written.ids) == ids
        np.testing.assert_allclose(written.logprobs, logprobs, atol=1e-4)
    texts = dict(
        pair
        for numbers, said in greedy_answers(network, tokenizer, PROMPTS, STEPS)
        for pair in zip(numbers, said, strict=True)
    )
    assert [written.text for written in all_written(network, tokenizer)] == [texts[n] for n in range(len(PROMPTS))]


def test_an_answer_that_ends_at_once_has_no_token() -> None:
    tokenizer = ascii_tokenizer()
    network = build("llama")
    with torch.no_grad():
        last = network.base_model(input_ids=torch.tensor([PROMPTS[0]])).last_hidden_state[0, -1]
        network.get_output_embeddings().weight[tokenizer.eos_token_id] = 100 * last
    assert all_written(network, tokenizer)[0] == Written("", (), ())
    assert all_written(network, tokenizer, PROMPTS[:1]) == [Written("", (), ())]


def test_the_sums_are_those_of_the_answers_that_were_written() -> None:
    model = wrap(build("llama"), ascii_tokenizer())
    written, sums = answer_questions(model, PROMPTS, STEPS)
    given = measure_answers(model, PROMPTS, [answer.ids for answer in written])
    np.testing.assert_array_equal(sums.below["update"], given.below["update"])
    np.testing.assert_array_equal(sums.state_answer, given.state_answer)
    assert sums.n.tolist() == [64 * len(answer.ids) for answer in written]


def test_answering_can_be_stopped_between_steps() -> None:
    steps = iter(range(3))
    model = wrap(build("llama"), ascii_tokenizer())
    with pytest.raises(StopIteration):
        answer_questions(model, PROMPTS, STEPS, between=lambda: next(steps) and None)
    assert not any(block._forward_hooks for block in model.blocks), "the hooks are taken off"
