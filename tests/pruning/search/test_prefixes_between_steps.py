"""Iterative pruning that keeps hidden states from step to step: the same steps, and the blocks that hooks count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from random_models import ENCODERS, VOCAB, _shake, build
from tiny_model import tiny_network, tiny_tokenizer
from transformers import AutoModelForSequenceClassification

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.search import (
    AppendixH,
    Decision,
    IterativeStep,
    Limits,
    Problem,
    greedy_steps,
    iterative_steps,
    metric_of,
)
from avss_core.pruning.search.perplexity_scorer import perplexity_scorer
from avss_core.pruning.search.task_scorer import task_scorer
from avss_core.tasks import perplexity, shards_of_task, task_named
from avss_core.variants import Variant
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.physical import pruned_network

N = 12
PLENTY = 2**30
RULE = AppendixH(tolerance=0.02, convergence=0)


def scores_of(kept: Sequence[int]) -> list[float]:
    """Neither in the order of the model nor the same for another number of blocks."""
    return [float(block * 7 % N + len(kept) * block % 5) for block in kept]


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    generator = torch.Generator().manual_seed(8)
    lengths = (14, 13, 9, 9, 5, 2)
    windows = [
        Window(i, 0, tuple(torch.randint(3, VOCAB, (n,), generator=generator).tolist())) for i, n in enumerate(lengths)
    ]
    found = make_batches(windows, 0, tokens_per_batch=30)
    assert len(found) > 1
    assert any((batch.attention_mask == 0).any() for batch in found)
    return found


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return wrap(build("llama", blocks=N), tokenizer=None)


@pytest.fixture
def counted(model: LoadedModel, batches: list[Batch]) -> Callable[[], int]:
    """How often a block ran since the last call."""
    perplexity.score(model, batches[:1], [])
    calls: list[int] = []
    handles = [block.register_forward_hook(lambda *_: calls.append(1)) for block in model.blocks]

    def since() -> int:
        found = len(calls)
        calls.clear()
        return found

    yield since
    for handle in handles:
        handle.remove()


def problem_of(model: LoadedModel, batches: list[Batch], budget: int | None) -> Problem:
    kept = None if budget is None else KeptPrefixes(budget)
    return Problem(N, perplexity_scorer(model, batches, prefixes=kept), prefixes=kept)


def shared(steps: Sequence[IterativeStep]) -> list[IterativeStep]:
    """The steps without what they say of their cost."""
    return [replace(step, block_runs=0) for step in steps]


@pytest.mark.parametrize("again", [False, True])
def test_steps_are_the_same_and_run_what_comes_after_the_candidate(
    again: bool, model: LoadedModel, batches: list[Batch], counted: Callable[[], int]
) -> None:
    rule = replace(RULE, again=again)
    plain = list(iterative_steps(problem_of(model, batches, None), scores_of, rule))
    decisions = [step.decision for step in plain]
    assert decisions.count(Decision.PUT_BACK) >= 3
    assert decisions.count(Decision.REMOVED) >= 3
    counted()

    steps, standing = [], tuple(range(N))
    for step in iterative_steps(problem_of(model, batches, PLENTY), scores_of, rule):
        steps.append(step)
        after = sum(block > step.candidate for block in standing)
        assert step.block_runs == (N + after if step.number == 1 else after)
        assert counted() == step.block_runs * len(batches)
        standing = tuple(block for block in range(N) if block not in step.removed)
    assert shared(steps) == shared(plain), "bit for bit"
    assert sum(step.block_runs for step in steps) < 0.62 * sum(step.block_runs_naive for step in steps)

    for step in steps:
        tried = {*step.removed, step.candidate} if step.decision is Decision.PUT_BACK else set(step.removed)
        network = wrap(pruned_network(model, [block for block in range(N) if block not in tried]), tokenizer=None)
        frame = perplexity.score(network, batches, [Variant.full(N - len(tried))])
        assert step.attempt.value == pytest.approx(problem_of(model, batches, None).metric.summarise(frame).value)


@pytest.mark.parametrize("states", [0, 3, 11, 24])
def test_a_small_budget_changes_nothing_but_what_runs(
    states: int, model: LoadedModel, batches: list[Batch], counted: Callable[[], int]
) -> None:
    plain = list(iterative_steps(problem_of(model, batches, None), scores_of, RULE))
    runs_plain = counted()
    wide = list(iterative_steps(problem_of(model, batches, PLENTY), scores_of, RULE))
    runs_wide = counted()
    budget = states * sum(batch.input_ids.numel() for batch in batches) * model.hidden_size * 4
    tight = list(iterative_steps(problem_of(model, batches, budget), scores_of, RULE))
    runs_tight = counted()
    assert shared(tight) == shared(plain)
    assert tight == wide, "the count is that of enough room"
    assert (runs_tight == runs_plain) == (states == 0)
    assert (runs_tight == runs_wide) == (states == 24), "two sets of states of the whole text"


@pytest.mark.parametrize("finished", [1, 4])
def test_a_search_goes_on_without_what_was_kept(
    finished: int, model: LoadedModel, batches: list[Batch], counted: Callable[[], int]
) -> None:
    steps = list(iterative_steps(problem_of(model, batches, PLENTY), scores_of, RULE))
    counted()
    rest = list(iterative_steps(problem_of(model, batches, PLENTY), scores_of, RULE, steps[:finished]))
    assert steps[:finished] + rest == steps
    assert counted() > len(batches) * sum(step.block_runs for step in rest), "the first of them runs from the start"


def test_greedy_search_counts_and_runs_as_before(
    model: LoadedModel, batches: list[Batch], counted: Callable[[], int]
) -> None:
    plain = list(greedy_steps(replace(problem_of(model, batches, None), limits=Limits(most=2))))
    runs = counted()
    kept = KeptPrefixes(PLENTY)
    scorer = perplexity_scorer(model, batches)
    assert list(greedy_steps(Problem(N, scorer, Limits(most=2), prefixes=kept))) == plain
    assert counted() == runs == len(batches) * sum(step.block_runs for step in plain)


@pytest.mark.parametrize("task", ["sentiment", "multiple_choice", "classifier"])
def test_other_tasks_share_with_the_model_as_it_stands_too(task: str) -> None:
    name = "sentiment" if task == "classifier" else task
    network: torch.nn.Module = _classifier() if task == "classifier" else tiny_network(4)
    model = wrap(network, tiny_tokenizer())
    examples = CorpusSpec(f"sample:{name}", "profile", max_examples=4)
    shards = shards_of_task(task_named(name), examples, model.tokenizer)
    by_accuracy = AppendixH(delta=0.05, convergence=0)

    def steps_of(kept: KeptPrefixes | None) -> list[IterativeStep]:
        scorer = task_scorer(model, name, shards, prefixes=kept)
        problem = Problem(4, scorer, metric=metric_of(name), prefixes=kept)
        return list(iterative_steps(problem, lambda kept: [3, 1, 2, 0], by_accuracy))

    plain = steps_of(None)
    calls: list[int] = []
    for block in model.blocks:
        block.register_forward_hook(lambda *_: calls.append(1))
    assert shared(steps_of(None)) == shared(plain)
    without = len(calls)
    calls.clear()
    steps = steps_of(KeptPrefixes(PLENTY))
    assert shared(steps) == shared(plain)
    batches, rest = divmod(without, sum(step.block_runs for step in plain))
    assert rest == 0
    assert len(calls) == batches * sum(step.block_runs for step in steps) < without


def _classifier() -> torch.nn.Module:
    torch.manual_seed(0)
    config = ENCODERS["bert"](4)
    config.vocab_size = len(tiny_tokenizer())
    config.id2label = {0: "negative", 1: "positive"}
    network = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    _shake(network)
    return network
