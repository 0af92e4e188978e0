"""The launcher: it owns the workers, keeps a web server running beside them, and ends both."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from said import Avss
from tiny_model import save_tiny_model, write_documents

from avss_core.commands import serve as serve_command
from avss_core.corpora import CorpusSpec
from avss_core.jobs import Jobs, ProfileRequest
from avss_core.jobs.contact import contact_file, running_address
from avss_core.models import ModelSpec
from avss_core.runs import Store

ROOT = Path(__file__).parents[2]


def until(happened: Callable[[], object], within: float = 60.0) -> None:
    """Wait for something to become true; fail when it does not."""
    end = time.monotonic() + within
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def is_served(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def start(port: int, store: Store) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "avss_core", "serve", "--port", str(port), "--store", store.url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def web_server(launcher: psutil.Process) -> psutil.Process:
    (found,) = [child for child in launcher.children() if "streamlit" in child.cmdline()]
    return found


def test_a_killed_web_server_comes_back_and_the_job_does_not_notice(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model", blocks=4, width=128)
    text = write_documents(tmp_path / "text.jsonl", documents=60, characters=1024)
    store, port = Store(str(tmp_path / "runs.db")), free_port()
    serving = start(port, store)
    launcher = psutil.Process(serving.pid)
    until(lambda: is_served(port))
    assert running_address(store) is not None
    jobs = Jobs.connect(store)
    run = jobs.submit(ProfileRequest(ModelSpec(str(model)), CorpusSpec(str(text), part="all")))
    until(lambda: store.units(run.id))

    first = web_server(launcher)
    first.kill()
    until(lambda: is_served(port))
    assert web_server(launcher).pid != first.pid
    done = jobs.wait(run.id)
    assert (done.status, done.attempt) == ("done", 1)
    jobs.close()

    everything = launcher.children(recursive=True)
    serving.send_signal(signal.SIGTERM)
    out, err = serving.communicate(timeout=60)
    assert (serving.returncode, out) == (0, "")
    assert err.splitlines() == [
        f"AVSS dashboard: http://127.0.0.1:{port}  (Ctrl-C ends it)",
        "The web server ended; starting it again.",
        "AVSS dashboard ended.",
    ]
    assert psutil.wait_procs(everything, timeout=10)[1] == []
    assert not contact_file(store).exists()


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    store, port = Store(str(tmp_path / "runs.db")), free_port()
    serving = start(port, store)
    until(lambda: is_served(port))
    everything = psutil.Process(serving.pid).children(recursive=True)
    os.killpg(serving.pid, signal.SIGINT)  # as a terminal does
    out, err = serving.communicate(timeout=60)
    assert (serving.returncode, out) == (0, "")
    assert err.splitlines()[1:] == ["AVSS dashboard ended."]
    assert psutil.wait_procs(everything, timeout=10)[1] == []


def test_where_no_process_can_be_nice_the_web_server_is_not_asked_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "runs.db"))
    asked: list[object] = []

    def popen(_command: list[str], preexec_fn: object, **_: object) -> SimpleNamespace:
        asked.append(preexec_fn)
        return SimpleNamespace(wait=lambda *_: 0, terminate=lambda: None)

    monkeypatch.setattr(subprocess, "Popen", popen)
    assert serve_command._run_web_server(store, "127.0.0.1", 1) == 0
    monkeypatch.delattr(os, "nice")
    assert serve_command._run_web_server(store, "127.0.0.1", 1) == 0
    assert callable(asked[0])
    assert asked[1] is None


def test_a_port_that_is_taken_is_told_before_anything_starts(avss: Avss) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = avss("serve", "--port", port)
    assert (said.status, said.out) == (2, "")
    assert re.fullmatch(rf"avss: .*127\.0\.0\.1:{port} \(.*in use.*\); give another --port\.\n", said.err)
