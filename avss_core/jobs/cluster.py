"""The worker processes: one per device, each with a nanny that starts it again when it dies."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dask
from distributed import Nanny, Scheduler, SpecCluster

from avss_core.jobs.contact import announced
from avss_core.jobs.lanes import LANES
from avss_core.runs import Store

HERE = "127.0.0.1"  # a scheduler runs whatever it is sent, so it must not be reached from elsewhere
_LOG_LEVEL = "DASK_LOGGING__DISTRIBUTED"


@contextmanager
def local_cluster(store: Store | None = None) -> Iterator[str]:
    """Workers on this machine for as long as the block lasts; yields the scheduler's address.

    With a `store`, other processes of the same store find it.
    """
    quiet()
    settings = {
        "distributed.worker.profile.enabled": False,
        # A worker that happens to be away so long after it was lost would never be started again.
        "distributed.deploy.lost-worker-timeout": "36500 days",
        # Dask's own allows torch one thread and no more.
        "distributed.nanny.pre-spawn-environ": {_LOG_LEVEL: _log_level(), **_polite_threads()},
    }
    scheduler = {
        "cls": Scheduler,
        "options": {"host": HERE, "port": 0, "dashboard": False, "dashboard_address": f"{HERE}:0"},
    }
    workers = {f"avss-{i}": _worker(environment) for i, environment in enumerate(_device_environments())}
    with ExitStack() as open_now:
        open_now.enter_context(dask.config.set(settings))
        cluster = open_now.enter_context(SpecCluster(workers=workers, scheduler=scheduler, silence_logs=False))
        if store is not None:
            open_now.enter_context(announced(store, cluster.scheduler_address))
        yield cluster.scheduler_address


def quiet() -> None:
    """Keep Dask's log off the terminal; what a user should know is said by this program.

    `DASK_LOGGING__DISTRIBUTED=info` in the environment lets it through.
    """
    logging.getLogger("distributed").setLevel(_log_level().upper())


def _log_level() -> str:
    return os.environ.get(_LOG_LEVEL, "critical")


def _polite_threads() -> dict[str, str]:
    """Let torch's threads sleep while they wait for each other, unless the user has said otherwise.

    By default they spin, and a browser or a second program on the same cores then makes every pass many times slower.
    """
    return {} if "OMP_WAIT_POLICY" in os.environ else {"OMP_WAIT_POLICY": "PASSIVE"}


def _worker(environment: dict[str, str]) -> dict[str, object]:
    options = {
        "host": HERE,
        "nthreads": LANES,  # units side by side; those that want all cores wait for each other
        "memory_limit": 0,
        "env": environment,
        "preload": ["avss_core.jobs.warm_up"],
        "dashboard": False,
        "dashboard_address": f"{HERE}:0",
    }
    return {"cls": Nanny, "options": options}


def _device_environments() -> list[dict[str, str]]:
    """What sets one worker apart from the next: its own GPU. One worker where there is none, or just one."""
    listing = shutil.which("nvidia-smi")
    if listing is None or "CUDA_VISIBLE_DEVICES" in os.environ:
        return [{}]
    answer = subprocess.run([listing, "-L"], capture_output=True, text=True, check=False)
    names = [line for line in answer.stdout.splitlines() if line.startswith("GPU ")]
    return [{"CUDA_VISIBLE_DEVICES": str(i)} for i in range(len(names))] or [{}]
