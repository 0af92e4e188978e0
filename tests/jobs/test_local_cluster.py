"""The worker processes: where they listen, what they say, and that they end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]

# A task fails and a worker is killed, which Dask would tell the terminal at length.
PROGRAM = """
import os, signal, time
from distributed import Client
from avss_core.jobs.cluster import local_cluster

def fail():
    raise ValueError("this is not for the terminal")

if __name__ == "__main__":
    with local_cluster() as address, Client(address, set_as_default=False) as client:
        try:
            client.submit(fail).result()
        except ValueError:
            pass
        (pid,) = client.run(os.getpid).values()
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 60
        while pid in (found := client.run(os.getpid, on_error="ignore").values()) or not found:
            assert time.monotonic() < until
            time.sleep(0.05)
        print("another worker is there", flush=True)
        time.sleep(60)
"""


def test_workers_say_nothing_are_replaced_and_end_with_who_started_them(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py")]
    # Dask would give a worker up that is not back by then, and never start it again.
    impatient = {"DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "100ms"}
    environment = {**os.environ, **impatient, "PYTHONPATH": str(ROOT)}
    with (tmp_path / "said").open("w") as said:
        launcher = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said)
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == b"another worker is there\n"
    assert (tmp_path / "said").read_text() == ""
    workers = psutil.Process(launcher.pid).children(recursive=True)
    assert workers
    launcher.kill()  # it has no chance to tidy up
    launcher.communicate()
    assert psutil.wait_procs(workers, timeout=10)[1] == []


@pytest.mark.usefixtures("workers")
def test_nothing_listens_where_others_could_reach_it() -> None:
    here = psutil.Process()
    listening = [
        (process.pid, connection.laddr)
        for process in (here, *here.children(recursive=True))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {pid for pid, _ in listening} > {here.pid}, "scheduler here, and a worker elsewhere"
    assert {address.ip for _, address in listening} == {"127.0.0.1"}
