"""The whole first profile in the browser, from the press of the button to the last curve.

Against a cached model load and the bare forward passes over the same windows, each measured in one run. Goal: at most
1.5 ×. Needs Playwright and Chromium.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, sync_playwright

from avss_core.activations.forward import run_base
from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import make_windows
from avss_core.jobs import ProfileRequest
from avss_core.models.load import load_model
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store
from benchmarks.measuring import batches_of, print_table

TITLES = "[...document.querySelectorAll('text.gtitle')].map(title => title.textContent).join(' ')"
ROOT = Path(__file__).parents[1]


def reference_seconds() -> dict[str, float]:
    """A cached load, and one bare forward pass over the windows that the first profile reads."""
    started = time.perf_counter()
    model = load_model(ModelSpec())
    loaded = time.perf_counter() - started
    batches = batches_of(model, make_windows(read_corpus(CorpusSpec()), model.tokenizer))
    started = time.perf_counter()
    for batch in batches:
        run_base(model, batch)
    return {"load": loaded, "forward": time.perf_counter() - started}


def browser_seconds() -> tuple[float, float]:
    """From the press of *Start profile* to the last curves on the page, with a warm worker; and the job alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "avss.db"
        _enter_a_run(Store(str(store)))
        command = [sys.executable, "-m", "avss_core", "serve", "--port", str(port), "--store", str(store)]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            seconds = _press_and_wait(f"http://127.0.0.1:{port}")
            return seconds, Store(str(store)).runs()[0].seconds or 0.0
        finally:
            server.terminate()
            server.wait(30)


def _press_and_wait(address: str) -> float:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = launched.new_page()
        _open(page, address)
        page.get_by_role("button", name="Start profile").wait_for(timeout=60_000)
        page.wait_for_timeout(20000)  # the worker process has started and imported what it needs; it holds no model yet
        started = time.perf_counter()
        page.get_by_role("button", name="Start profile").click()
        # Looked for ten times a second: Playwright's own waiting asks at every frame, and slows what is measured.
        while not re.search(r"residual, .*?(\d+) of \1 shards", page.evaluate(TITLES)):
            page.wait_for_timeout(100)
        seconds = time.perf_counter() - started
        launched.close()
        return seconds


def _enter_a_run(store: Store) -> None:
    """A line in the history, so that the dashboard does not start the first profile before the button is pressed."""
    request = ProfileRequest(corpus=CorpusSpec(max_tokens=1))
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    if run is not None:
        store.end_run(run.id, run.attempt, "cancelled")


def _open(page: Page, address: str) -> None:
    for _ in range(100):
        try:
            page.goto(address)
            return
        except PlaywrightError:
            time.sleep(0.3)
    raise TimeoutError(address)


def main() -> None:
    """Print the table."""
    seconds, job = browser_seconds()
    reference = reference_seconds()
    total = reference["load"] + reference["forward"]
    print_table(
        "First profile in the browser, default model, sample:essays, two sites",
        ("", "seconds", "ratio"),
        [
            ("cached model load", reference["load"], ""),
            ("bare forward passes", reference["forward"], ""),
            ("load + forward", total, 1.0),
            ("the job itself", job, job / total),
            ("press of the button to the last curve", seconds, seconds / total),
        ],
    )


if __name__ == "__main__":
    main()
