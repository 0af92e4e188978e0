"""Carries a run out inside a worker: plan, give out the units that are missing, close the run.

When the worker dies, the scheduler starts the driver again on the next one, and it goes on from the units in the store.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

import torch
from distributed import Future, KilledWorker, as_completed, get_worker, worker_client

from avss_core import __version__
from avss_core.errors import AvssError, Cancelled, CorpusError, ResourceError
from avss_core.jobs.entry import do_unit
from avss_core.jobs.job import LOST, Job
from avss_core.jobs.progress import Reporter
from avss_core.jobs.requests import Request, request_of
from avss_core.jobs.resident import alone, at_work, facts_of, forget, resident_model, side_by_side
from avss_core.jobs.works.base import Plan, Turn
from avss_core.jobs.works.registry import WORKS
from avss_core.runs import Store


def drive(job: Job) -> None:
    """Carry an attempt out; its end, good or bad, is written to the store.

    An attempt that is not the latest any more does nothing. Raises ResourceError when this worker has another store.
    """
    store = Store(job.store_url)
    if store.find_run(job.run) is None:
        raise ResourceError(
            f"The worker at {get_worker().address} finds no run {job.run} in {store}; "
            "give a --store that it shares with this machine."
        )
    if not store.update_run(job.run, job.attempt, status="running"):
        return
    try:
        _carry_out(job, store)
        store.end_run(job.run, job.attempt, "done")
    except Cancelled as error:
        store.end_run(job.run, job.attempt, "cancelled", str(error))
    except Exception as error:  # whatever it was, the run must not look as if it were still under way
        known = _known(error, job)
        if known is None:
            store.add_facts(job.run, job.attempt, traceback=traceback.format_exc())
            reason = f"Internal failure in this {job.kind} run: {type(error).__name__}: {error}"
        else:
            store.add_facts(job.run, job.attempt, exit_status=known.exit_status)
            reason = str(known)
        store.end_run(job.run, job.attempt, "failed", reason)


def work_unit(job: Job, number: int) -> None:
    """Do one unit and keep its result. When it is broken off, what its run keeps in this worker's memory is dropped.

    Its seconds are those of the worker: of two units at work side by side, each counts for half of the time.
    """
    store, request = Store(job.store_url), request_of(job.kind, job.spec)
    reporter, work = Reporter(job, number), WORKS[job.kind]
    with side_by_side(request.model, reporter.stop_if_asked) if work.side_by_side else alone():
        try:
            reporter.say("measuring")
            _require_unchanged(job, request)
            if store.run(job.run).status == "done":  # it ended early while this unit waited for its turn
                return
            started, at_work_then = time.perf_counter(), at_work()
            write = work.run(request, Turn(number, job.run, store, reporter.count, reporter.say))
            seconds = (time.perf_counter() - started) * 2 / (at_work_then + at_work())
            store.add_unit(job.run, number, reporter.tokens, seconds, write)
            reporter.say("measuring")
        except BaseException:  # also a cancel that is noticed between two units
            forget(job.run)
            raise


def _carry_out(job: Job, store: Store) -> None:
    request, work, reporter = request_of(job.kind, job.spec), WORKS[job.kind], Reporter(job)
    _require_unchanged(job, request)  # also fixes what the request is of: keys that are made at the end are of the same
    plan = _plan(job, request, store, reporter)

    def kept() -> set[int]:
        return {unit.number for unit in store.units(job.run) if store.path_of(unit.file).is_file()}

    done = kept()
    missing = [number for number in range(plan.units) if number not in done]

    def enough() -> bool:
        """A unit whose file is gone is always done again: whoever reads the run asks for the files of all it names."""
        return work.enough(request, store.run(job.run), store) and len(kept()) == len(store.units(job.run))

    if missing and not (done and enough()):
        _give_out(job, missing, enough, (lambda number: number in kept()) if plan.in_order else None)
    reporter.say("summing up")
    with alone():  # units that were under way have come in by now
        finished = len(store.units(job.run))
        if finished < plan.units:
            store.add_facts(job.run, job.attempt, stopped_after=finished)
        work.finish(request, store.run(job.run), store)


def _require_unchanged(job: Job, request: Request) -> None:
    """Raise CorpusError when model or text are not those any more that the run was entered for."""
    if request.run_id() != job.run:
        raise CorpusError("The model or the text was changed while it was being read; start the job again.")


def _plan(job: Job, request: Request, store: Store, reporter: Reporter) -> Plan:
    reporter.say("loading the model")
    with alone():
        reporter.stop_if_asked()  # it may have been cancelled while others were at work
        model = resident_model(request.model)
        WORKS[job.kind].check(request, model)
        reporter.say("reading the text")
        plan = WORKS[job.kind].plan(request, model)
        facts = facts_of(request.model) | {"versions": {"avss": __version__, "torch": torch.__version__}}
    store.add_facts(job.run, job.attempt, **facts, tokens=plan.tokens, documents=plan.documents)
    store.update_run(job.run, job.attempt, n_units=plan.units)
    return plan


def _give_out(
    job: Job, missing: list[int], enough: Callable[[], bool], is_kept: Callable[[int], bool] | None = None
) -> None:
    """Have the missing units done, until all are or it is enough: in any order, or, where `is_kept` is given, one after
    another, each only if it is not kept by then."""
    with worker_client() as client:
        # A driver that is started again, because its worker died, must not meet the tasks of the one before.
        start = time.time_ns()

        def submit(number: int) -> Future:
            # What goes on from the unit before finds its network in the memory of the same worker.
            here = {} if is_kept is None else {"workers": [get_worker().address], "allow_other_workers": True}
            return client.submit(do_unit, job, number, key=f"{job.run}-{number}-{start}", **here)

        futures: list[Future] = []
        try:
            if is_kept is not None:
                for number in missing:
                    if is_kept(number):  # a unit may have kept later ones as well
                        continue
                    futures = [submit(number)]
                    futures[0].result()
                    if enough():
                        break
                return
            futures = [submit(number) for number in missing]
            for future in as_completed(futures):
                future.result()
                if enough():
                    break
        finally:
            client.cancel(futures)


def _known(error: Exception, job: Job) -> AvssError | None:
    """The error as one of ours, None when it is not foreseen."""
    if isinstance(error, AvssError):
        return error
    if isinstance(error, KilledWorker):
        return ResourceError(LOST)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
        model = request_of(job.kind, job.spec).model.source
        return ResourceError(
            f"Memory ran out while running {model}; take a smaller --length, --dtype bfloat16, or a smaller model."
        )
    return None
