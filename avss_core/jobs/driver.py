"""Carries a run out inside a worker: plan, give out the units that are missing, close the run.

When the worker dies, the scheduler starts the driver again on the next one, and it goes on from the units in the store.
"""

from __future__ import annotations

import time
import traceback
from typing import Any

import torch
from distributed import as_completed, worker_client

from avss_core import __version__
from avss_core.errors import AvssError, Cancelled, ResourceError
from avss_core.jobs.entry import do_unit
from avss_core.jobs.progress import report, stop_if_asked
from avss_core.jobs.requests import Request, request_of
from avss_core.jobs.resident import resident_model, shards_of
from avss_core.jobs.work import WORK, facts_of
from avss_core.runs import Store


def drive(run_id: str, kind: str, spec: dict[str, Any], store_url: str) -> str:
    """Carry the run out; its end, good or bad, is written to the store. Returns the final status."""
    store = Store(store_url)
    request = request_of(kind, spec)
    try:
        report(run_id, "starting")
        store.update_run(run_id, status="running")
        missing = _plan(run_id, request, store)
        _give_out(run_id, kind, spec, store_url, missing)
        report(run_id, "summing up")
        WORK[kind].finish(request, store)
        store.end_run(run_id, "done")
    except Cancelled as error:
        store.end_run(run_id, "cancelled", str(error))
    except AvssError as error:
        store.add_facts(run_id, exit_status=error.exit_status)
        store.end_run(run_id, "failed", str(error))
    except (MemoryError, torch.OutOfMemoryError):
        store.end_run(run_id, "failed", str(_out_of_memory(request)))
    except Exception as error:
        store.add_facts(run_id, traceback=traceback.format_exc())
        store.end_run(run_id, "failed", f"Internal failure in this {kind} run: {type(error).__name__}: {error}")
    return store.run(run_id).status


def work_unit(run_id: str, kind: str, spec: dict[str, Any], store_url: str, number: int) -> None:
    """Do one unit and keep its result."""
    store, request = Store(store_url), request_of(kind, spec)
    stop_if_asked(run_id)
    started = time.perf_counter()
    done = 0

    def tick(tokens: int) -> None:
        nonlocal done
        done += tokens
        report(run_id, "measuring", tokens)
        stop_if_asked(run_id)

    write = WORK[kind].run(request, number, tick)
    store.add_unit(run_id, number, done, time.perf_counter() - started, write)


def _plan(run_id: str, request: Request, store: Store) -> list[int]:
    report(run_id, "loading the model")
    resident_model(request.model)
    stop_if_asked(run_id)
    report(run_id, "reading the text")
    shards = shards_of(request.model, request.corpus)
    tokens = sum(len(window.ids) for shard in shards for window in shard)
    documents = len({window.document for shard in shards for window in shard})
    versions = {"avss": __version__, "torch": torch.__version__}
    store.add_facts(run_id, **facts_of(request), tokens=tokens, documents=documents, versions=versions)
    store.update_run(run_id, n_units=len(shards))
    finished = {unit.number for unit in store.units(run_id)}
    return [number for number in range(len(shards)) if number not in finished]


def _give_out(run_id: str, kind: str, spec: dict[str, Any], store_url: str, missing: list[int]) -> None:
    with worker_client() as client:
        attempt = time.time_ns()
        futures = [
            client.submit(do_unit, run_id, kind, spec, store_url, number, key=f"{run_id}-{number}-{attempt}")
            for number in missing
        ]
        try:
            for future in as_completed(futures):
                future.result()
        finally:
            client.cancel(futures)


def _out_of_memory(request: Request) -> ResourceError:
    return ResourceError(
        f"Memory ran out while running {request.model.source}; take a smaller --length, --dtype bfloat16, or a smaller model."
    )
