"""Steps through JSON, and searches that go on from them."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import pytest
from known_losses import KnownLosses, entangled

from avss_core.errors import Cancelled
from avss_core.pruning.search import (
    AppendixH,
    BeamStep,
    Frames,
    GreedyStep,
    IterativeStep,
    Limits,
    Problem,
    Step,
    beam_steps,
    greedy_steps,
    iterative_steps,
    steps_table,
)
from avss_core.variants import Variant

Search = Callable[[Problem, Sequence[Step]], Iterator[Step]]


def shifting(kept: tuple[int, ...]) -> list[float]:
    return [(7 * block + 3 * len(kept)) % 11 for block in kept]


SEARCHES: dict[str, tuple[type[Step], Search]] = {
    "greedy": (GreedyStep, lambda problem, done: greedy_steps(problem, done)),
    "beam": (BeamStep, lambda problem, done: beam_steps(problem, 3, done)),
    "once": (IterativeStep, lambda problem, done: iterative_steps(problem, shifting, AppendixH(0.3), done)),
    "again": (
        IterativeStep,
        lambda problem, done: iterative_steps(problem, shifting, AppendixH(0.3, again=True), done),
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("limits", [Limits(), Limits(most=3, protected=(0,)), Limits(retain=0.75)])
def test_resuming_after_any_step_gives_the_rest(name: str, limits: Limits) -> None:
    known = entangled()
    kind, search = SEARCHES[name]
    problem = Problem(6, known, limits)
    steps = list(search(problem, ()))
    assert steps[-1].stop is not None
    assert list(search(problem, ())) == steps
    for finished in range(len(steps) + 1):
        stored = json.loads(json.dumps([step.to_dict() for step in steps[:finished]]))
        known.asked.clear()
        rest = list(search(problem, [kind.from_dict(values) for values in stored]))
        assert rest == steps[finished:]
        # Neither the unpruned model nor anything else is run a second time.
        assert len(known.asked) == len(rest)
        assert any(() in asked for asked in known.asked) == (finished == 0)


@pytest.mark.parametrize("name", SEARCHES)
def test_nothing_is_run_before_a_step_is_asked_for(name: str) -> None:
    known = entangled()
    steps = SEARCHES[name][1](Problem(6, known), ())
    assert known.asked == []
    next(steps)
    assert len(known.asked) == 1


def test_a_scorer_that_is_cancelled_leaves_the_steps_before() -> None:
    known = entangled()
    problem = Problem(6, known)
    steps = list(greedy_steps(problem))
    done: list[GreedyStep] = []

    def cancelled_in_the_third(variants: Sequence[Variant]) -> Frames:
        if len(done) == 2:
            raise Cancelled("The job was cancelled.")
        return known(variants)

    def store_each() -> None:
        for step in greedy_steps(Problem(6, cancelled_in_the_third)):
            done.append(step)

    with pytest.raises(Cancelled):
        store_each()
    assert done == steps[:2]
    assert done + list(greedy_steps(problem, done)) == steps


def test_infinity_goes_through_json() -> None:
    scorer = KnownLosses(lambda removed: 2000.0 if removed else 1.0)
    (step,) = greedy_steps(Problem(3, scorer, Limits(most=1)))
    again = GreedyStep.from_dict(json.loads(json.dumps(step.to_dict())))
    assert again.attempt.value == again.drop == math.inf
    assert again.retained == 0


def test_json_names_what_a_page_reads() -> None:
    known = entangled()
    (step, *_) = iterative_steps(Problem(6, known), shifting)
    values = step.to_dict()
    assert {
        "number",
        "candidate",
        "drop",
        "decision",
        "delta",
        "cumulative_loss",
        "stop",
        "removed",
        "retained",
    } <= set(values)
    assert values["attempt"]["value"] == step.attempt.value
    assert values["decision"] in ("removed", "put back")


def test_table() -> None:
    known = entangled()
    steps = list(greedy_steps(Problem(6, known, Limits(most=3))))
    table = steps_table(steps)
    assert table["n_removed"].tolist() == [1, 2, 3]
    assert table["candidate"].tolist() == [1, 4, 3]
    assert table["blocks"].tolist() == ["1", "1 4", "1 4 3"]
    assert table["stop"].tolist() == ["", "", "requested number removed"]
    assert table["block_runs"].tolist()[-1] == sum(step.block_runs for step in steps)
    assert table["block_runs_naive"].tolist()[-1] == sum(step.block_runs_naive for step in steps)
    assert steps_table([]).empty
    beam = steps_table(list(beam_steps(Problem(6, known, Limits(most=2)))))
    assert beam["candidate"].isna().all()


def test_no_torch_in_the_searches() -> None:
    modules = ("search", "contiguous", "targets", "sweep", "random_cuts", "protect")
    lines = "; ".join(f"import avss_core.pruning.{name}" for name in modules)
    code = f"import sys; {lines}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
