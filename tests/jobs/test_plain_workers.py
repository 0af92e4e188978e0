"""A cluster that somebody else runs: workers that know nothing of this program's start, with several threads each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_model import tiny_network, tiny_tokenizer, write_documents

from avss_core.activations.measure import measure
from avss_core.activations.moments import merge_profiles
from avss_core.corpora import CorpusSpec, make_windows, read_corpus, shard_windows
from avss_core.jobs import Jobs, ProfileRequest
from avss_core.jobs.results import finished_profile
from avss_core.models import ModelSpec
from avss_core.models.load import wrap
from avss_core.runs import Store

ROOT = Path(__file__).parents[2]
DASK = [sys.executable, "-m", "dask"]


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """`dask scheduler` and `dask worker` as their own command line starts them, the worker in another folder."""
    contact = tmp_path / "contact.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_LOGGING__DISTRIBUTED": "critical"}
    quiet = {"env": environment, "cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    here = ["--host", "127.0.0.1", "--no-dashboard"]
    commands = [
        [*DASK, "scheduler", *here, "--port", "0", "--scheduler-file", str(contact)],
        [*DASK, "worker", *here, "--no-nanny", "--nthreads", "4", "--scheduler-file", str(contact)],
    ]
    processes = []
    try:
        for command in commands:
            processes.append(subprocess.Popen(command, **quiet))
            while not contact.is_file():
                assert processes[0].poll() is None, "the scheduler did not start"
                time.sleep(0.05)
        yield json.loads(contact.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def test_jobs_run_on_an_existing_cluster_one_at_a_time_with_the_model(
    scheduler: str, store: Store, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVSS_SCHEDULER", scheduler)
    spec = ModelSpec(str(tiny_model), dtype="float32")
    file = write_documents(tmp_path / "text.jsonl", documents=24, characters=400)
    texts = [CorpusSpec(str(file), part="all", length=length) for length in (64, 128, 256)]
    jobs = Jobs.connect(store)
    try:
        # Three first jobs at once: every thread meets imports, loading and hooks of the others.
        runs = [jobs.submit(ProfileRequest(spec, text)) for text in texts]
        ended = [jobs.wait(run.id) for run in runs]
    finally:
        jobs.close()
    assert [(run.status, run.error) for run in ended] == [("done", None)] * 3

    model = wrap(tiny_network(), tiny_tokenizer())
    for run, text in zip(ended, texts, strict=True):
        shards = shard_windows(make_windows(read_corpus(text), model.tokenizer))
        found = merge_profiles(finished_profile(store, run.id)).sites["residual"]
        expected = merge_profiles([measure(model, shard) for shard in shards]).sites["residual"]
        np.testing.assert_array_equal(found.tokens, expected.tokens)
        np.testing.assert_allclose(found.abs_sum, expected.abs_sum, rtol=1e-9)
