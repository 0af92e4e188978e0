"""A cut held against the whole model, from made-up answers."""

from __future__ import annotations

import pandas as pd

from avss_core.pruning import Cut
from avss_core.pruning.cuts_by_size import most_tolerated
from avss_core.pruning.outcome import Outcome, outcome_of
from avss_core.tasks import task_named

TASK = task_named("multiple_choice")
CUTS = ((), (2,), (1, 2))


def outcome(removed: tuple[int, ...], after: list[float], before: list[float]) -> Outcome:
    frames = [pd.DataFrame({"document": range(len(values)), "correct": values}) for values in (before, after)]
    old, new = ((TASK.summarise(frame), frame) for frame in frames)
    return outcome_of(Cut(removed, 3, "by hand"), old, new, [10, 10, 10], 40)


def test_the_cut_that_removes_nothing_is_the_whole_model_itself() -> None:
    for answers in ([1.0, 0.0, 1.0], [1.0]):
        found = outcome((), answers, answers)
        assert (found.retained, found.retained_low, found.retained_high) == (1.0, 1.0, 1.0)


def test_ten_answers_that_stay_alike_do_not_make_a_cut_sure() -> None:
    answers = [1.0] * 8 + [0.0] * 2
    outcomes = {n: outcome(cut, answers, answers) for n, cut in enumerate(CUTS)}
    assert most_tolerated(CUTS, 3, outcomes, 0.9).cut.removed == CUTS[2]
    assert most_tolerated(CUTS, 3, outcomes, 0.9, surely=True).cut.removed == CUTS[0]
