"""The tasks that are sent to workers. They can be named without torch; a worker imports the rest to run them."""

from __future__ import annotations

from avss_core.jobs import warm_up
from avss_core.jobs.job import Job
from avss_core.runs import Store


def drive_run(job: Job) -> None:
    """Carry a run out in this worker process."""
    try:
        warm_up.import_all()
    except ImportError as error:
        reason = f"The worker lacks a package ({error}); install the requirements where it runs."
        Store(job.store_url).end_run(job.run, job.attempt, "failed", reason)
        return
    from avss_core.jobs.driver import drive

    drive(job)


def do_unit(job: Job, number: int) -> None:
    """Do one unit of a run in this worker process."""
    warm_up.import_all()
    from avss_core.jobs.driver import work_unit

    work_unit(job, number)
