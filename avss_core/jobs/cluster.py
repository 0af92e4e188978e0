"""The worker processes: one per device, each with a nanny that starts it again when it dies."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Nanny, Scheduler, SpecCluster

from avss_core.errors import ResourceError
from avss_core.runs import Store

CONTACT = "scheduler.json"


@contextmanager
def local_cluster(store: Store | None = None) -> Iterator[str]:
    """Workers on this machine for as long as the block lasts; yields the scheduler's address.

    With a `store`, the address is written beside it, where other processes of the same store find it.
    """
    scheduler = {
        "cls": Scheduler,
        "options": {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
    }
    workers = {f"avss-{i}": _worker(env) for i, env in enumerate(_device_environments())}
    logging.getLogger("distributed").setLevel(logging.ERROR)
    settings = {"distributed.nanny.pre-spawn-environ": {"DASK_LOGGING__DISTRIBUTED": "error"}, "distributed.worker.profile.enabled": False}
    with dask.config.set(settings), SpecCluster(workers=workers, scheduler=scheduler, silence_logs=True) as cluster:
        contact = contact_file(store) if store else None
        if contact:
            contact.write_text(json.dumps({"address": cluster.scheduler_address, "pid": os.getpid()}))
        try:
            yield cluster.scheduler_address
        finally:
            if contact:
                contact.unlink(missing_ok=True)


def known_address(store: Store) -> str | None:
    """Where the scheduler of this store said it is: `AVSS_SCHEDULER`, or the contact file; it may be gone by now."""
    if "AVSS_SCHEDULER" in os.environ:
        return os.environ["AVSS_SCHEDULER"]
    contact = contact_file(store)
    return json.loads(contact.read_text())["address"] if contact.is_file() else None


def running_address(store: Store) -> str | None:
    """`known_address` when something answers there, else None; `AVSS_SCHEDULER` that does not answer is an error."""
    address = known_address(store)
    if address is None or _answers(address):
        return address
    if "AVSS_SCHEDULER" in os.environ:
        raise ResourceError(
            f"The scheduler at {address} (AVSS_SCHEDULER) does not answer; start it, or unset the variable."
        )
    contact_file(store).unlink(missing_ok=True)
    return None


def _answers(address: str) -> bool:
    host, port = address.rpartition("//")[2].rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=2.0):
            return True
    except OSError:
        return False


def contact_file(store: Store) -> Path:
    """Where the scheduler of a store says how to reach it."""
    return store.folder / CONTACT


def start_apart(store: Store, patience: float = 60.0) -> str:
    """Start a cluster in a process of its own, for a web server that was started without the launcher."""
    command = [sys.executable, "-m", "avss_core.jobs.cluster", store.url]
    process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
    until = time.monotonic() + patience
    contact = contact_file(store)
    while time.monotonic() < until and process.poll() is None:
        if contact.is_file() and json.loads(contact.read_text() or "{}").get("pid") == process.pid:
            return str(json.loads(contact.read_text())["address"])
        time.sleep(0.1)
    raise RuntimeError("the worker process did not start")


def _worker(environment: dict[str, str]) -> dict[str, object]:
    options = {
        "nthreads": 1,  # one task at a time; torch itself uses all cores
        "memory_limit": 0,
        "env": environment,
        "preload": ["avss_core.jobs.warm_up"],
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
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


def main(store_url: str) -> None:
    """Run a cluster until the process is told to end."""
    with local_cluster(Store(store_url)):
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main(sys.argv[1])
