from __future__ import annotations

import math
from itertools import pairwise

import pytest
from known_losses import KnownLosses, entangled

from avss_core.errors import CutError
from avss_core.pruning.search import Decision, Limits, Problem, Stop, greedy_steps

N = 6


def test_steps_by_hand() -> None:
    known = entangled()
    # Own costs 0.9 .10 .12 .30 .31 .8; pairs (1,2) +.9, (3,4) −.55, (1,3) +.2, (2,4) +.25, (0,5) −.1.
    steps = list(greedy_steps(Problem(N, known, Limits(most=3))))
    # 1 is cheapest alone. Beside it: 4 for 0.31 (3: 0.5, 2: 1.02). Beside 1 and 4: 3 for 0.30 − 0.55 + 0.2.
    assert [step.candidate for step in steps] == [1, 4, 3]
    assert [step.removed for step in steps] == [(1,), (1, 4), (1, 4, 3)]
    assert [math.log(step.evaluation.value) for step in steps] == pytest.approx([2.10, 2.41, 2.36])
    assert dict(steps[1].tried) == pytest.approx({0: 3.0, 2: 3.12, 3: 2.6, 4: 2.41, 5: 2.9})
    assert [step.decision for step in steps] == [Decision.REMOVED] * 3
    assert [step.stop for step in steps] == [None, None, Stop.REQUESTED]
    assert steps[0].unpruned.value == pytest.approx(math.exp(2))
    # Perplexity is lower-is-better: a rise is a positive drop, and the third removal gains.
    assert [step.drop for step in steps] == pytest.approx(
        [math.exp(b) - math.exp(a) for a, b in pairwise([2.0, 2.10, 2.41, 2.36])]
    )
    assert steps[2].cumulative_loss == pytest.approx(sum(step.drop for step in steps))
    assert steps[2].retained == pytest.approx(math.exp(2.0 - 2.36))


def test_each_step_asks_once_for_all_that_may_go() -> None:
    known = entangled()
    list(greedy_steps(Problem(N, known, Limits(most=2, protected=(0, 5)))))
    assert known.asked == [{(), (1,), (2,), (3,), (4,)}, {(1, 2), (1, 3), (1, 4)}]


def test_block_runs_by_hand() -> None:
    (first, second) = greedy_steps(Problem(4, KnownLosses(lambda removed: 1 + len(removed)), Limits(most=2)))
    # Kept 0123, 012, 013, 023, 123: a tree of 0·1·2·3, 3 after 01, 2·3 after 0, 1·2·3; ties take block 0.
    assert (first.block_runs, first.block_runs_naive) == (4 + 1 + 2 + 3, 4 + 4 * 3)
    # Kept 23, 13, 12.
    assert second.removed == (0, 1)
    assert (second.block_runs, second.block_runs_naive) == (2 + 2 + 1, 6)


def test_ends_when_one_block_is_left() -> None:
    known = entangled()
    steps = list(greedy_steps(Problem(N, known)))
    assert len(steps) == N - 1
    assert steps[-1].stop is Stop.NOTHING_LEFT


def test_protected_blocks_stay_to_the_end() -> None:
    known = entangled()
    steps = list(greedy_steps(Problem(N, known, Limits(protected=(1, 4)))))
    assert sorted(steps[-1].removed) == [0, 2, 3, 5]
    assert steps[-1].stop is Stop.NOTHING_LEFT
    assert not {1, 4} & {block for step in steps for block, _ in step.tried}


def test_ends_before_too_much_is_lost() -> None:
    known = entangled()
    # exp(−0.41) = 0.66 is less than 0.69, though the step after it would retain exp(−0.36) = 0.70.
    steps = list(greedy_steps(Problem(N, known, Limits(retain=0.69))))
    assert [step.candidate for step in steps] == [1, 4]
    last = steps[-1]
    assert (last.decision, last.stop, last.removed) == (Decision.PUT_BACK, Stop.TOLERANCE, (1,))
    assert last.evaluation == steps[0].evaluation
    assert math.log(last.attempt.value) == pytest.approx(2.41)
    assert last.retained == pytest.approx(math.exp(-0.1))


def test_an_infinite_perplexity_is_just_a_bad_one() -> None:
    scorer = KnownLosses(lambda removed: 2000.0 + len(removed) if removed else 1.0)
    steps = list(greedy_steps(Problem(3, scorer)))
    assert [step.removed for step in steps] == [(0,), (0, 1)]
    assert steps[-1].evaluation.value == math.inf


def test_what_cannot_be_done_is_said_before_anything_runs() -> None:
    known = entangled()
    with pytest.raises(CutError, match="5 blocks are to be removed, but it can be 1 to 4 of 6 \\(2 are protected"):
        Problem(N, known, Limits(most=5, protected=(0, 5)))
    with pytest.raises(CutError, match="None of the 6 blocks can be removed"):
        Problem(N, known, Limits(protected=tuple(range(6))))
    with pytest.raises(CutError, match="None of the 1 blocks"):
        Problem(1, known)
    assert known.asked == []
