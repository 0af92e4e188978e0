from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import pandas as pd
import pytest
from known_losses import of_perplexities

from avss_core.errors import NumericalError, SettingError
from avss_core.pruning.search import (
    AppendixH,
    Decision,
    Frames,
    Limits,
    Metric,
    Problem,
    Step,
    Stop,
    beam_steps,
    convergence_for,
    greedy_steps,
    iterative_steps,
    metric_of,
)
from avss_core.tasks import TASKS, Evaluation
from avss_core.variants import Variant

# Perplexities by removed blocks; importance rises from block 3 over 1 and 0 to 2.
SCORES = [0.3, 0.2, 0.4, 0.1]
TABLE = {(): 20.0, (3,): 20.5, (3, 1): 23.0, (3, 0): 21.0, (3, 0, 2): 60.0}


class Importance:
    """Gives what a table says for the blocks kept, and remembers when it was asked."""

    def __init__(self, by_kept: dict[tuple[int, ...], Sequence[float]]) -> None:
        self.by_kept, self.asked = by_kept, []

    def __call__(self, kept: tuple[int, ...]) -> Sequence[float]:
        self.asked.append(kept)
        return self.by_kept[kept]


def once() -> Importance:
    return Importance({(0, 1, 2, 3): SCORES})


def test_steps_by_hand() -> None:
    importance = once()
    steps = list(iterative_steps(Problem(4, of_perplexities(TABLE)), importance, AppendixH(tolerance=0.05)))
    # δ = 0.05 · 20 = 1. Block 3: 20 → 20.5, stays out. 1: 20.5 → 23, back. 0: 20.5 → 21, out. 2: 21 → 60, back.
    assert [step.candidate for step in steps] == [3, 1, 0, 2]
    assert [step.decision for step in steps] == ["removed", "put back", "removed", "put back"]
    assert [step.drop for step in steps] == pytest.approx([0.5, 2.5, 0.5, 39.0])
    assert [step.delta for step in steps] == pytest.approx([1.0] * 4)
    assert [step.cumulative_loss for step in steps] == pytest.approx([0.5, 0.5, 1.0, 1.0])
    assert [step.evaluation.value for step in steps] == pytest.approx([20.5, 20.5, 21.0, 21.0])
    assert [step.attempt.value for step in steps] == pytest.approx([20.5, 23.0, 21.0, 60.0])
    assert [step.removed for step in steps] == [(3,), (3,), (3, 0), (3, 0)]
    assert [step.stop for step in steps] == [None, None, None, Stop.ALL_TRIED]
    assert [step.number for step in steps] == [1, 2, 3, 4]
    assert [step.scores for step in steps] == [(0.3, 0.2, 0.4, 0.1)] * 4
    assert importance.asked == [(0, 1, 2, 3)]
    assert steps[-1].retained == pytest.approx(20 / 21)


def test_one_variant_a_step_and_the_whole_model_with_the_first() -> None:
    scorer = of_perplexities(TABLE)
    steps = list(iterative_steps(Problem(4, scorer), once()))
    assert scorer.asked == [{(), (3,)}, {(1, 3)}, {(0, 3)}, {(0, 2, 3)}]
    # 0·1·2·3, which holds 0·1·2; then 0·2, 1·2, 1.
    assert [(step.block_runs, step.block_runs_naive) for step in steps] == [(4, 7), (2, 2), (2, 2), (1, 1)]


def test_importance_anew_after_every_removal_and_not_after_a_block_is_put_back() -> None:
    # Without block 3, block 0 is the least important, then 2; block 1 is put back as before.
    importance = Importance({(0, 1, 2, 3): SCORES, (0, 1, 2): [0.1, 0.9, 0.3], (1, 2): [0.5, 0.6]})
    table = TABLE | {(3, 0, 1): 90.0}
    steps = list(iterative_steps(Problem(4, of_perplexities(table)), importance, AppendixH(again=True)))
    assert [step.candidate for step in steps] == [3, 0, 1, 2]
    assert importance.asked == [(0, 1, 2, 3), (0, 1, 2), (1, 2)]
    assert [step.scores for step in steps[1:]] == [(0.1, 0.9, 0.3, None), *[(None, 0.5, 0.6, None)] * 2]
    assert [step.decision for step in steps] == ["removed", "removed", "put back", "put back"]


def test_a_drop_of_exactly_delta_is_not_more_than_delta() -> None:
    scorer = of_perplexities(TABLE)
    drop = next(iterative_steps(Problem(4, scorer), once())).drop
    assert next(iterative_steps(Problem(4, scorer), once(), AppendixH(delta=drop))).decision is Decision.REMOVED
    less = math.nextafter(drop, 0)
    assert next(iterative_steps(Problem(4, scorer), once(), AppendixH(delta=less))).decision is Decision.PUT_BACK


def test_ends_at_the_requested_number() -> None:
    steps = list(iterative_steps(Problem(4, of_perplexities(TABLE), Limits(most=2)), once()))
    assert [step.candidate for step in steps] == [3, 1, 0]
    assert steps[-1].stop is Stop.REQUESTED


def test_ends_when_performance_hardly_changes() -> None:
    # |20.5 − 20| / 20 = 0.025; the block that made no difference stays out.
    steps = list(iterative_steps(Problem(4, of_perplexities(TABLE)), once(), AppendixH(convergence=0.026)))
    assert [(step.candidate, step.stop, step.removed) for step in steps] == [(3, Stop.CONVERGED, (3,))]
    # A block that is put back is no reason to end, however small the difference.
    strict = AppendixH(delta=0.4, convergence=0.026)
    (first, *_) = iterative_steps(
        Problem(4, of_perplexities({(): 20.0, (3,): 20.5, (1,): 30.0, (0,): 30.0, (2,): 30.0})), once(), strict
    )
    assert (first.decision, first.stop) == (Decision.PUT_BACK, None)


def test_a_gain_counts_as_a_change_too() -> None:
    table = {(): 20.0, (3,): 19.0, (3, 1): 18.999}
    steps = list(iterative_steps(Problem(4, of_perplexities(table)), once(), AppendixH(tolerance=0, convergence=0.001)))
    assert [step.drop for step in steps] == pytest.approx([-1.0, -0.001])
    assert [step.stop for step in steps] == [None, Stop.CONVERGED]
    assert steps[-1].cumulative_loss == pytest.approx(-1.001)


def test_ends_when_the_limit_of_all_losses_together_is_reached() -> None:
    # Block 1 would retain 0.87, but δ puts it back, so nothing is lost by it. 0 costs less than δ and leaves 20 / 21.
    steps = list(iterative_steps(Problem(4, of_perplexities(TABLE), Limits(retain=0.96)), once()))
    assert [step.candidate for step in steps] == [3, 1, 0]
    assert [step.decision for step in steps] == ["removed", "put back", "put back"]
    assert [step.stop for step in steps] == [None, None, Stop.TOLERANCE]
    assert steps[-1].removed == (3,)


def test_ends_when_one_block_is_left() -> None:
    table = {(): 20.0, (1,): 20.1, (1, 0): 20.2}
    steps = list(iterative_steps(Problem(3, of_perplexities(table)), Importance({(0, 1, 2): [2, 1, 3]})))
    assert steps[-1].removed == (1, 0)
    assert steps[-1].stop is Stop.NOTHING_LEFT


def test_protected_blocks_are_not_tried_and_ties_take_the_earlier() -> None:
    table = {(): 20.0, (1,): 20.1, (1, 2): 20.2}
    problem = Problem(4, of_perplexities(table), Limits(protected=(0, 3)))
    steps = list(iterative_steps(problem, Importance({(0, 1, 2, 3): [0.0, 0.5, 0.5, 0.0]})))
    assert [step.candidate for step in steps] == [1, 2]
    assert steps[-1].stop is Stop.NOTHING_LEFT


def test_higher_is_better() -> None:
    accuracy = Metric(
        loss=lambda frame: 1 - frame["right"].mean(),
        summarise=lambda frame: Evaluation("quiz", "accuracy", frame["right"].mean(), 0.0, 1.0, len(frame), True),
        retained_interval=lambda before, after: (0.0, 1.0),
    )
    right = {(): 0.8, (3,): 0.77, (3, 1): 0.7, (3, 0): 0.85, (3, 0, 2): 0.82}
    known = {frozenset(removed): value for removed, value in right.items()}

    def loss_of(variants: Sequence[Variant]) -> Frames:
        return {v: pd.DataFrame({"document": [0], "right": [known[frozenset(v.removed)]]}) for v in variants}

    steps = list(iterative_steps(Problem(4, loss_of, metric=accuracy), once()))
    assert [step.drop for step in steps] == pytest.approx([0.03, 0.07, -0.08, 0.03])
    assert [step.decision for step in steps] == ["removed", "put back", "removed", "removed"]
    assert steps[-1].delta == pytest.approx(0.04)
    assert steps[-1].cumulative_loss == pytest.approx(-0.02)
    assert steps[-1].retained == pytest.approx(0.82 / 0.8)


@pytest.mark.parametrize("search", [lambda problem: iterative_steps(problem, once()), greedy_steps, beam_steps])
def test_a_share_of_nothing_is_refused_at_the_first_step(search: Callable[[Problem], Iterator[Step]]) -> None:
    accuracy = metric_of("sentiment")

    def none_right(variants: Sequence[Variant]) -> Frames:
        return {variant: pd.DataFrame({"document": range(10), "correct": [0.0] * 10}) for variant in variants}

    with pytest.raises(SettingError, match="is 0 here, so there is nothing of which a share"):
        next(search(Problem(4, none_right, Limits(retain=0.9), metric=accuracy)))
    assert next(search(Problem(4, none_right, metric=accuracy))).decision == "removed"


def test_an_accuracy_that_does_not_move_is_no_convergence() -> None:
    """Accuracy is a step function of what is removed: blocks 3 and 1 change no answer, 0 costs one of 100."""
    accuracy = Metric(
        loss=lambda frame: 1 - frame["right"].mean(),
        summarise=lambda frame: Evaluation("quiz", "accuracy", frame["right"].mean(), 0.0, 1.0, len(frame), True),
        retained_interval=lambda before, after: (0.0, 1.0),
    )
    right = {(): 50, (3,): 50, (1, 3): 50, (0, 1, 3): 49}

    def loss_of(variants: Sequence[Variant]) -> Frames:
        return {
            v: pd.DataFrame({"document": range(100), "right": [1] * right[v.removed] + [0] * (100 - right[v.removed])})
            for v in variants
        }

    def run(rule: AppendixH) -> list:
        return list(iterative_steps(Problem(4, loss_of, metric=accuracy), once(), rule))

    to_the_letter = run(AppendixH())
    assert [(step.drop, step.stop) for step in to_the_letter] == [(0, Stop.CONVERGED)], "(59) as it is written"
    steps = run(AppendixH(convergence=convergence_for("sentiment")))
    assert [step.candidate for step in steps] == [3, 1, 0]
    assert [step.drop for step in steps] == pytest.approx([0, 0, 0.01])
    assert steps[-1].stop is Stop.NOTHING_LEFT


def test_only_a_perplexity_converges_by_default() -> None:
    assert {task: convergence_for(task) for task in TASKS} == {
        "perplexity": 1e-4,
        "sentiment": 0,
        "multiple_choice": 0,
        "qa": 0,
        "closed_book": 0,
    }


def test_scores_that_cannot_be_compared() -> None:
    problem = Problem(4, of_perplexities(TABLE))
    with pytest.raises(NumericalError, match="Block 2 has the score nan"):
        next(iterative_steps(problem, lambda kept: [0.1, 0.2, math.nan, 0.3]))
    with pytest.raises(SettingError, match="3 scores were given for 4 blocks"):
        next(iterative_steps(problem, lambda kept: [0.1, 0.2, 0.3]))


@pytest.mark.parametrize("wrong", [{"tolerance": -0.1}, {"delta": math.nan}, {"convergence": math.inf}])
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="must be a number from 0 on"):
        AppendixH(**wrong)


@pytest.mark.parametrize("retain", [0.0, -1.0, math.nan, math.inf])
def test_a_share_to_retain_is_positive(retain: float) -> None:
    with pytest.raises(SettingError, match="must be positive"):
        Limits(retain=retain)
