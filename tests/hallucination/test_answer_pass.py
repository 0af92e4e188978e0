"""Sums of a padded batch of answers against NumPy over the blocks' outputs of each question run alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import build

from avss_core.activations.taps import first_argument, hidden_of
from avss_core.hallucination.answer_pass import measure_answers
from avss_core.hallucination.edges import EDGES
from avss_core.models.load import wrap
from avss_core.variants.physical import pruned_network

PROMPTS = [(40, 41, 42, 43, 44, 45, 46), (50,), (60, 61, 62), (70, 71)]
ANSWERS = [(30, 31), (32, 33, 34, 35), (), (36,)]


def outputs_alone(network, blocks, ids: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(blocks, tokens, features) of what every block puts out and what it adds, of one sequence without padding."""
    out: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def keep(index: int):
        def hook(block, args, kwargs, output) -> None:
            before = args[0] if args else kwargs[first_argument(block)]
            out[index] = (hidden_of(output)[0], hidden_of(output)[0] - before[0])

        return hook

    handles = [block.register_forward_hook(keep(i), with_kwargs=True) for i, block in enumerate(blocks)]
    with torch.no_grad():
        network(input_ids=torch.tensor([ids]))
    for handle in handles:
        handle.remove()
    return tuple(np.stack([out[i][k].numpy() for i in range(len(blocks))]).astype(np.float64) for k in (0, 1))


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3", "opt"])
@pytest.mark.parametrize("kept", [(0, 1, 2, 3), (0, 3)])
def test_a_batch_sums_what_each_question_gives_alone(name: str, kept: tuple[int, ...]) -> None:
    whole = wrap(build(name), None)
    model = wrap(pruned_network(whole, kept), None) if len(kept) < 4 else whole
    found = measure_answers(model, PROMPTS, ANSWERS)
    width = model.hidden_size
    assert found.n.tolist() == [2 * width, 4 * width, 0, width]
    for question, (prompt, answer) in enumerate(zip(PROMPTS, ANSWERS, strict=True)):
        residual, update = outputs_alone(model.network, model.blocks, prompt + answer)
        np.testing.assert_allclose(
            found.state_prompt[question], residual[:, len(prompt) - 1], rtol=2e-3, atol=2e-3, err_msg="state_prompt"
        )
        for site, values in (("residual", residual), ("update", update)):
            said = values[:, len(prompt) :]
            scale = np.abs(values).max()
            np.testing.assert_allclose(found.sums[site][question], said.sum(axis=(1, 2)), rtol=1e-4, atol=1e-3 * scale)
            np.testing.assert_allclose(found.squares[site][question], (said**2).sum(axis=(1, 2)), rtol=1e-4)
            counts = (np.abs(said)[..., None] < EDGES).sum(axis=(1, 2))
            # Rounding in a batch may carry an activation over an edge.
            assert np.abs(found.below[site][question] - counts).max() <= 1
        if answer:
            means = residual[:, len(prompt) :].mean(axis=1)
            np.testing.assert_allclose(found.state_answer[question], means, rtol=2e-3, atol=2e-3)
        else:
            assert np.isnan(found.state_answer[question]).all()
            assert not any(sums[question].any() for sums in found.below.values())


def test_prompts_with_a_common_beginning_and_equal_ones() -> None:
    """The beginning is read once; that must not show."""
    model = wrap(build("llama"), None)
    prompts = [(40, 41, 42, 43), (40, 41, 42, 44, 45), (40, 41, 42, 43)]
    answers = [(50, 51), (52,), (53, 54, 55)]
    found = measure_answers(model, prompts, answers)
    for question in range(3):
        alone = measure_answers(model, prompts[question : question + 1], answers[question : question + 1])
        for site in ("residual", "update"):
            np.testing.assert_allclose(found.squares[site][question], alone.squares[site][0], rtol=1e-4)
        np.testing.assert_allclose(
            found.state_prompt[question].astype(float), alone.state_prompt[0].astype(float), atol=2e-3, rtol=2e-3
        )


def test_counts_are_exact_at_edges() -> None:
    model = wrap(build("llama"), None)
    alone = measure_answers(model, PROMPTS[:1], ANSWERS[:1])
    residual, _ = outputs_alone(model.network, model.blocks, PROMPTS[0] + ANSWERS[0])
    said = np.abs(residual[:, len(PROMPTS[0]) :])
    np.testing.assert_array_equal(alone.below["residual"][0], (said[..., None] < EDGES).sum(axis=(1, 2)))


def test_large_states_are_cut_off_and_not_infinite() -> None:
    network = build("llama")
    with torch.no_grad():
        network.get_input_embeddings().weight.mul_(1e6)
    found = measure_answers(wrap(network, None), PROMPTS[:1], ANSWERS[:1])
    assert np.isfinite(found.state_prompt).all()
    assert float(np.abs(found.state_prompt).max()) == float(np.finfo(np.float16).max)
