from __future__ import annotations

from itertools import combinations

import pytest
from known_losses import KnownLosses, entangled

from avss_core.errors import SettingError
from avss_core.pruning.search import Decision, Limits, Problem, Stop, beam_steps, greedy_steps

N = 6


def best_of_all(known: KnownLosses, size: int, free: tuple[int, ...] = tuple(range(N))) -> list[tuple[int, ...]]:
    return sorted(combinations(free, size), key=lambda cut: (known.loss(frozenset(cut)), cut))


def test_a_wide_beam_finds_what_trying_all_sets_finds() -> None:
    known = entangled()
    steps = list(beam_steps(Problem(N, known, Limits(most=4)), width=20))
    for size, step in enumerate(steps, start=1):
        every = best_of_all(known, size)
        assert [cut for cut, _ in step.beam] == every[:20]
        assert step.tried == len(every)
        assert step.removed == every[0]
        assert [loss for _, loss in step.beam] == pytest.approx([known.loss(frozenset(cut)) for cut in every[:20]])
    assert [step.stop for step in steps] == [None, None, None, Stop.REQUESTED]


def test_a_beam_of_five_finds_the_pair_that_greedy_search_misses() -> None:
    known = entangled()
    greedy = list(greedy_steps(Problem(N, known, Limits(most=2))))[-1]
    beam = list(beam_steps(Problem(N, known, Limits(most=2)), width=5))[-1]
    assert set(greedy.removed) == {1, 4}
    assert beam.removed == (3, 4) == best_of_all(known, 2)[0]
    assert beam.evaluation.value < greedy.evaluation.value


def test_a_beam_of_one_is_greedy_search() -> None:
    known = entangled()
    greedy = list(greedy_steps(Problem(N, known)))
    beam = list(beam_steps(Problem(N, known), width=1))
    assert [set(step.removed) for step in beam] == [set(step.removed) for step in greedy]
    for a, b in zip(beam, greedy, strict=True):
        assert (a.evaluation, a.drop, a.block_runs, a.block_runs_naive, a.stop) == (
            b.evaluation,
            b.drop,
            b.block_runs,
            b.block_runs_naive,
            b.stop,
        )


def test_a_cut_that_grows_from_two_is_asked_for_once() -> None:
    known = entangled()
    steps = list(beam_steps(Problem(N, known, Limits(most=2, protected=(0, 5))), width=2))
    assert [cut for cut, _ in steps[0].beam] == [(1,), (2,)]
    assert known.asked[1] == {(1, 2), (1, 3), (1, 4), (2, 3), (2, 4)}
    assert steps[1].tried == 5
    # Kept 0345, 0245, 0235, 0145, 0135: 0, 3·4·5, 2·4·5, 3·5 after 02, 1·4·5, 3·5 after 01.
    assert (steps[1].block_runs, steps[1].block_runs_naive) == (1 + 3 + 3 + 2 + 3 + 2, 20)


def test_protected_blocks_stay() -> None:
    known = entangled()
    steps = list(beam_steps(Problem(N, known, Limits(protected=(3, 4))), width=3))
    assert steps[-1].removed == (0, 1, 2, 5)
    assert steps[-1].stop is Stop.NOTHING_LEFT
    assert steps[1].removed == best_of_all(known, 2, (0, 1, 2, 5))[0]


def test_ends_before_too_much_is_lost() -> None:
    known = entangled()
    steps = list(beam_steps(Problem(N, known, Limits(retain=0.9)), width=5))
    # exp(−0.10) = 0.905 with one block, exp(−0.06) = 0.94 with (3, 4), at best exp(−0.36) with three.
    assert [step.removed for step in steps] == [(1,), (3, 4), (3, 4)]
    assert (steps[-1].decision, steps[-1].stop) == (Decision.PUT_BACK, Stop.TOLERANCE)
    assert steps[-1].beam[0][0] == best_of_all(known, 3)[0]


def test_a_beam_has_a_width() -> None:
    known = entangled()
    with pytest.raises(SettingError, match="at least 1, not 0"):
        next(beam_steps(Problem(N, known), width=0))
