"""Searches of real, tiny networks: what they find, against pruned networks; what they run, against hooks."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from random_models import VOCAB, build

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import Cancelled, CorpusError
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.search import AppendixH, Limits, Problem, beam_steps, greedy_steps, iterative_steps
from avss_core.pruning.search.perplexity_scorer import perplexity_scorer
from avss_core.variants.physical import pruned_network

N = 5
LENGTHS = (14, 9, 9, 2)


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    generator = torch.Generator().manual_seed(8)
    return [
        Window(i, 0, tuple(torch.randint(3, VOCAB, (n,), generator=generator).tolist())) for i, n in enumerate(LENGTHS)
    ]


@pytest.fixture
def model() -> LoadedModel:
    return wrap(build("qwen3", blocks=N), tokenizer=None)


@pytest.fixture
def batches(windows: list[Window]) -> list[Batch]:
    found = make_batches(windows, 0, tokens_per_batch=20)
    assert len(found) > 1
    return found


def loss_by_hugging_face(model: LoadedModel, windows: list[Window], removed: tuple[int, ...]) -> float:
    """Mean nll of the physically pruned network, one window at a time."""
    network = pruned_network(model, [block for block in range(N) if block not in removed])
    total = tokens = 0.0
    for window in windows:
        ids = torch.tensor([window.ids])
        total += float(network(input_ids=ids, labels=ids).loss) * (len(window) - 1)
        tokens += len(window) - 1
    return total / tokens


def test_searches_find_what_trying_all_pruned_networks_finds(
    model: LoadedModel, windows: list[Window], batches: list[Batch]
) -> None:
    every = {
        cut: loss_by_hugging_face(model, windows, cut) for size in range(N) for cut in combinations(range(N), size)
    }
    problem = Problem(N, perplexity_scorer(model, batches))

    gone: tuple[int, ...] = ()
    for step in greedy_steps(problem):
        losses = {block: every[tuple(sorted((*gone, block)))] for block in range(N) if block not in gone}
        assert dict(step.tried) == pytest.approx(losses, rel=1e-5)
        gone = (*gone, min(losses, key=losses.__getitem__))
        assert step.removed == gone
        assert step.unpruned.value == pytest.approx(math.exp(every[()]), rel=1e-5)
        assert step.evaluation.value == pytest.approx(math.exp(every[tuple(sorted(gone))]), rel=1e-5)
        assert step.evaluation.n == len(LENGTHS)

    for size, step in enumerate(beam_steps(problem, width=10), start=1):
        assert step.removed == min(combinations(range(N), size), key=every.__getitem__)
        assert step.beam[0][1] == pytest.approx(every[step.removed], rel=1e-5)


@pytest.mark.parametrize("search", ["greedy", "beam", "iterative"])
def test_blocks_run_as_often_as_the_steps_say(search: str, model: LoadedModel, batches: list[Batch]) -> None:
    perplexity_scorer(model, batches)([])  # the first look at a block's answer is not part of a search
    calls: list[int] = []
    for block in model.blocks:
        block.register_forward_hook(lambda *_: calls.append(1))
    problem = Problem(N, perplexity_scorer(model, batches), Limits(most=3))
    runs = {
        "greedy": lambda: [step.block_runs for step in greedy_steps(problem)],
        "beam": lambda: [step.block_runs for step in beam_steps(problem, 2)],
        "iterative": lambda: [
            step.block_runs for step in iterative_steps(problem, lambda kept: list(kept), AppendixH(tolerance=1e9))
        ],
    }[search]()
    assert sum(runs) * len(batches) == len(calls) > 0


def test_the_naive_way_is_a_run_of_every_pruned_network(model: LoadedModel, batches: list[Batch]) -> None:
    (step,) = greedy_steps(Problem(N, perplexity_scorer(model, batches[:1]), Limits(most=1)))
    calls: list[int] = []
    for kept in [range(N), *([b for b in range(N) if b != block] for block in range(N))]:
        network = pruned_network(model, kept)
        for block in network.get_submodule(model.blocks_path):
            block.register_forward_hook(lambda *_: calls.append(1))
        network(batches[0].input_ids)
    assert step.block_runs_naive == len(calls)


def test_between_batches_counts_tokens_and_can_cancel(model: LoadedModel, batches: list[Batch]) -> None:
    counted: list[int] = []
    scorer = perplexity_scorer(model, batches, counted.append)
    next(greedy_steps(Problem(N, scorer)))
    assert counted == [batch.tokens for batch in batches]
    assert sum(counted) == sum(LENGTHS)

    def cancel(tokens: int) -> None:
        raise Cancelled("The job was cancelled.")

    with pytest.raises(Cancelled):
        next(greedy_steps(Problem(N, perplexity_scorer(model, batches, cancel))))


def test_a_text_with_nothing_to_predict_says_so(model: LoadedModel) -> None:
    one_token_each = make_batches([Window(0, 0, (5,)), Window(1, 0, (7,))], 0)
    with pytest.raises(CorpusError, match="no token to predict"):
        next(greedy_steps(Problem(N, perplexity_scorer(model, one_token_each))))
    with pytest.raises(CorpusError, match="no text to measure a loss on"):
        perplexity_scorer(model, [])
