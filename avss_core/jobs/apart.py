"""A cluster in a process of its own, for a dashboard that was started without the launcher."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import dask
from filelock import FileLock

from avss_core.errors import ResourceError
from avss_core.jobs.cluster import local_cluster
from avss_core.jobs.contact import announced_by, running_address
from avss_core.runs import Store

PATIENCE = 60.0  # seconds
IDLE = "2 hours"  # without a job; then the memory that the model takes is given back
_LOOK_EVERY = 2.0


def start_apart(store: Store) -> str:
    """The address of a cluster that outlives this process: one that runs already, else a new one.

    Raises ResourceError when it does not come up; what it said is in `workers.log` beside the store's arrays.
    """
    log = store.folder / "workers.log"
    with FileLock(store.folder / "scheduler.lock"):  # two that start at once get the same
        address = running_address(store)
        if address is not None:
            return address
        with log.open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "avss_core.jobs"],
                env={**os.environ, "AVSS_STORE": store.url},  # not as an argument: it may hold a password
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and process.poll() is None:
            if announced_by(store) == process.pid and (address := running_address(store)) is not None:
                return address
            time.sleep(0.1)
        process.terminate()
    raise ResourceError(f"The worker process did not start; {log} holds what it said.")


def serve_workers() -> None:
    """Run a cluster for `AVSS_STORE` until it is told to end, was idle for long, or another has taken its place."""
    store = Store()
    with dask.config.set({"distributed.scheduler.idle-timeout": IDLE}), local_cluster(store) as address:
        while announced_by(store) == os.getpid() and running_address(store) == address:
            time.sleep(_LOOK_EVERY)
