"""The whole first profile in the browser, from the press of the button to the last curve.

Against a cached model load and the bare forward passes over the same windows, each measured in one run. Goal: at most
1.5 ×. Needs Playwright and Chromium.
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from avss_core.activations.forward import run_base
from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import make_windows
from avss_core.jobs import ProfileRequest
from avss_core.models.load import load_model
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store
from benchmarks.browser import opened, served
from benchmarks.measuring import batches_of, print_table

TITLES = "[...document.querySelectorAll('text.gtitle')].map(title => title.textContent).join(' ')"


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
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "avss.db"
        store = Store(str(file))
        _enter_a_run(store)
        with served(file) as address, opened(address) as page:
            seconds = _press_and_wait(page)
        return seconds, store.runs()[0].seconds or 0.0


def _press_and_wait(page: Page) -> float:
    page.get_by_role("button", name="Start profile").wait_for(timeout=60_000)
    page.wait_for_timeout(20000)  # the worker process has started and imported what it needs; it holds no model yet
    started = time.perf_counter()
    page.get_by_role("button", name="Start profile").click()
    # Looked for ten times a second: Playwright's own waiting asks at every frame, and slows what is measured.
    while not re.search(r"residual, .*?(\d+) of \1 shards", page.evaluate(TITLES)):
        page.wait_for_timeout(100)
    return time.perf_counter() - started


def _enter_a_run(store: Store) -> None:
    """A line in the history, so that the dashboard does not start the first profile before the button is pressed."""
    request = ProfileRequest(corpus=CorpusSpec(max_tokens=1))
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    if run is not None:
        store.end_run(run.id, run.attempt, "cancelled")


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
