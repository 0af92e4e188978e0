"""The command line as a shell runs it, in a process of its own that starts its own workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tiny_model import save_tiny_model, write_documents

from avss_core.runs import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The environment: a store of this test's own, and no workers."""
    left = {name: value for name, value in os.environ.items() if name != "AVSS_SCHEDULER"}
    return {**left, "AVSS_STORE": str(tmp_path / "runs.db"), "PYTHONPATH": str(ROOT)}


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(
    shell: dict[str, str], workers: str, tmp_path: Path
) -> None:
    save_tiny_model(tmp_path / "model", blocks=4, width=128)
    write_documents(tmp_path / "text.jsonl", documents=40, characters=1024)
    command = [sys.executable, "-m", "avss_core", "profile", "--model", "./model", "--corpus", "text.jsonl"]
    command += ["--all-documents", "--dtype", "float32", "--json"]
    running = subprocess.Popen(
        command,
        env=shell,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    store = Store(shell["AVSS_STORE"])
    until = time.monotonic() + 100
    while not (store.runs() and store.units(store.runs()[0].id)):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    own_workers = psutil.Process(running.pid).children(recursive=True)
    assert own_workers
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (1, "avss: The job was cancelled; the shards finished before are kept.\n")
    assert json.loads(out) == {"error": "The job was cancelled; the shards finished before are kept."}
    assert psutil.wait_procs(own_workers, timeout=10)[1] == []
    (run,) = store.runs()
    kept = {unit.file: store.path_of(unit.file).stat().st_mtime_ns for unit in store.units(run.id)}
    assert run.status == "cancelled"
    assert 0 < len(kept) < (run.n_units or 0)

    elsewhere = {**shell, "AVSS_SCHEDULER": workers}  # workers that were started in another folder
    done = subprocess.run(command, env=elsewhere, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    answer = json.loads(done.stdout)
    assert (answer["run"], answer["blocks"], answer["tokens"]) == (run.id, 4, 40 * 1024)
    assert len(store.units(run.id)) == run.n_units
    assert {file: store.path_of(file).stat().st_mtime_ns for file in kept} == kept
