"""What is still to be run, one request after another.

What to do next is read off the store each time; whoever asks (the shell in a loop, a page at every look) may stop and
come back, and what is done stays done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from avss_core.jobs.requests import EvaluateRequest, Request
from avss_core.jobs.table1.cuts import cuts_of_row, evaluation_left, facts_of_row
from avss_core.jobs.table1.requests import methods_of, original_of, rank_request
from avss_core.runs import Store
from avss_core.studies.table1 import Row, Table1Study


@dataclass(frozen=True)
class Step:
    """A request of the plan. what: for people. settled: done, or given up."""

    request: Request
    row: Row
    what: str
    settled: bool


@dataclass(frozen=True)
class Progress:
    """Steps that are settled, of all, as far as is known: a model that has not been loaded may turn out to need fewer.

    step: the first that is not settled, None when nothing is left to do.
    """

    done: int
    total: int
    step: Step | None


def progress(store: Store, study: Table1Study, since: float = 0.0) -> Progress:
    """How far it is, and what comes next.

    since: seconds as `time.time` counts; what failed before then is tried again, what failed since then is given up.
    Where the whole model cannot be evaluated, its row is given up.
    """
    steps = list(_steps(store, study, since))
    left = [step for step in steps if not step.settled]
    return Progress(len(steps) - len(left), len(steps), left[0] if left else None)


def next_step(store: Store, study: Table1Study, since: float = 0.0) -> Step | None:
    """The first step that is not settled, as in `progress`."""
    return next((step for step in _steps(store, study, since) if not step.settled), None)


def _steps(store: Store, study: Table1Study, since: float) -> Iterator[Step]:
    """A model's whole rows first, since they come at once, then its rankings and cuts, row by row."""
    for _, of_model in groupby(study.rows(), key=lambda row: row.model):
        rows = list(of_model)
        for row in rows:
            request = original_of(row)
            settled = _is_evaluated(store, request) or _has_failed(store, request, since)
            yield Step(request, row, f"the whole model on {row.data_set}", settled)
        for row in rows:
            request = original_of(row)
            if _is_evaluated(store, request) or not _has_failed(store, request, since):
                yield from _steps_of_row(store, study, row, since)


def _steps_of_row(store: Store, study: Table1Study, row: Row, since: float) -> Iterator[Step]:
    facts = facts_of_row(store, row)
    methods = methods_of(study, facts)
    ranked = True
    for number in range(study.repeats if methods else 0):
        for part in rank_request(study, row, number, methods).parts():
            settled = _is_done(store, part) or _has_failed(store, part, since)
            ranked = ranked and settled
            names = ", ".join(name for name in part.settings.methods if name in methods)
            what = f"blocks ranked on sample {number + 1} of {study.repeats} of {row.data_set} by {names}"
            yield Step(part, row, what, settled)
    if facts is None or not ranked:
        yield Step(original_of(row), row, f"the cuts on {row.data_set}", settled=False)
        return
    cuts = cuts_of_row(store, study, row, facts)
    together = evaluation_left(store, row, cuts, methods)
    failed = _has_failed(store, together, since)
    what = f"{len(together.cuts)} cuts on {row.data_set}"
    yield Step(together, row, what, settled=failed or not together.cuts)
    # One cut that breaks the model must not take the others with it.
    for method in methods if failed else ():
        left = evaluation_left(store, row, cuts, (method,))
        settled = not left.cuts or _has_failed(store, left, since)
        yield Step(left, row, f"the cuts by {method} on {row.data_set}", settled)


def _is_evaluated(store: Store, request: EvaluateRequest) -> bool:
    return all(store.has_evaluation(request.evaluation_key(cut)) for cut in request.cuts)


def _is_done(store: Store, request: Request) -> bool:
    return store.find_done(request.run_id()) is not None


def _has_failed(store: Store, request: Request, since: float) -> bool:
    """Whether it was tried at that time or later, and came to nothing."""
    run = store.find_run(request.run_id())
    failed = run is not None and run.status in ("failed", "interrupted")
    return failed and run is not None and (run.finished or run.created) >= since
