"""The tasks that are sent to workers. They can be named without torch; the worker imports the rest when it runs them."""

from __future__ import annotations

from typing import Any

from avss_core.jobs import warm_up
from avss_core.runs import Store


def drive_run(run_id: str, kind: str, spec: dict[str, Any], store_url: str) -> str:
    """Carry a run out in this worker process."""
    warm_up.wait()
    try:
        from avss_core.jobs.driver import drive
    except ImportError as error:
        Store(store_url).end_run(run_id, "failed", f"The worker cannot start: {error}; install the requirements.")
        raise
    return drive(run_id, kind, spec, store_url)


def do_unit(run_id: str, kind: str, spec: dict[str, Any], store_url: str, number: int) -> None:
    """Do one unit of a run in this worker process."""
    warm_up.wait()
    from avss_core.jobs.driver import work_unit

    work_unit(run_id, kind, spec, store_url, number)
