"""A whole plan, run on the shared workers."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from avss_core.jobs import Jobs
from avss_core.jobs.table1 import next_step
from avss_core.runs import Run, Store
from avss_core.studies.table1 import Table1Study

RunPlan = Callable[[Table1Study], list[Run]]


@pytest.fixture
def run_plan(store: Store, jobs: Jobs) -> RunPlan:
    """Run a study to its end, and give the runs that it took."""

    def run(study: Table1Study) -> list[Run]:
        since, runs = time.time(), []
        while (step := next_step(store, study, since)) is not None:
            runs.append(jobs.wait(jobs.submit(step.request).id))
            assert len(runs) < 100
        return runs

    return run
