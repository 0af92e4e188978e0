"""Jobs carried out in this process, unit by unit, by the same code that workers run: for tests that need their results
and not the workers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from unittest.mock import patch

from avss_core.jobs import driver
from avss_core.jobs.job import Job
from avss_core.jobs.requests import Request
from avss_core.jobs.resident import facts_of, resident_model
from avss_core.jobs.works.base import Turn
from avss_core.jobs.works.registry import WORKS
from avss_core.runs import Run, Store


def carry_out(store: Store, request: Request) -> Run:
    """The finished run of a request."""
    work = WORKS[request.kind]
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    if run is None:
        return store.run(request.run_id())
    plan = work.plan(request, resident_model(request.model))
    store.add_facts(run.id, run.attempt, **facts_of(request.model), tokens=plan.tokens, documents=plan.documents)
    store.update_run(run.id, run.attempt, n_units=plan.units)
    for number in range(plan.units):
        turn = Turn(number, run.id, store, lambda tokens: None, lambda text: None)
        store.add_unit(run.id, number, 1, 0.1, work.run(request, turn))
    work.finish(request, store.run(run.id), store)
    store.end_run(run.id, run.attempt, "done")
    return store.run(run.id)


def work_unit(store: Store, request: Request, number: int, say: Callable[[str], None] = lambda text: None) -> None:
    """One unit of a run that was started, as a worker does it; `say` hears what it tells, and may raise to stop it."""
    told = SimpleNamespace(say=say, stop_if_asked=lambda: None, count=lambda tokens: None, tokens=1)
    with patch.object(driver, "Reporter", lambda job, unit: told):
        driver.work_unit(Job.of(store.run(request.run_id()), store), number)
