"""Going back to an evaluated cut on the Prune page, in Chromium, on the default model. Goal: under 50 ms in the page.

The store is that of `going_back` with the default model, on the beginnings of the documents of sample:essays: how long
the text was that was evaluated makes no difference to looking it up. Two cutoffs are visited in turns with the
arrow keys. Counted are the milliseconds from the key to the result of the cut on the page; from the message that the
browser sends then (Streamlit's slider waits for further keys first) to the same; from that message to the first answer
of the web server; and, as in `going_back`, those of the page's script without a browser.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store
from benchmarks.browser import opened, served
from benchmarks.going_back import PAGE, SWEPT, fill, go_to
from benchmarks.going_back import opened as run_page
from benchmarks.measuring import print_table

IN_BROWSER = ("key to result", "message to result", "message to first answer")
WATCH = """
window.seen = {key: null, sent: null, received: null, shown: null};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
    if (window.seen.key !== null && window.seen.sent === null) {
        window.seen.sent = performance.now();
        this.addEventListener("message", () => window.seen.received ??= performance.now());
    }
    return send.call(this, data);
};
document.addEventListener("keydown", () => {
    Object.assign(window.seen, {key: performance.now(), sent: null, received: null, shown: null});
}, true);
const retained = () => [...document.querySelectorAll("[data-testid=stMetric]")]
    .filter(metric => metric.textContent.includes("Retained"))
    .map(metric => metric.querySelector("[data-testid=stMetricValue]").textContent).join();
document.addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
    const value = retained();
    if (value && value !== window.seen.value) {
        window.seen.value = value;
        window.seen.shown ??= performance.now();
    }
}).observe(document.body, {subtree: true, childList: true, characterData: true}));
"""


def beginnings(file: Path, characters: int = 110) -> CorpusSpec:
    """So many characters of every document, about 25 tokens."""
    corpus = read_corpus(CorpusSpec(part="all"))
    file.write_text("".join(json.dumps({"text": document.text[:characters]}) + "\n" for document in corpus.documents))
    return CorpusSpec(str(file))


def steps(page: Page, key: str) -> tuple[float, float, float]:
    """Milliseconds of one press: key to result, message to result, message to first answer."""
    page.keyboard.press(key)
    seen = None
    for _ in range(200):
        page.wait_for_timeout(50)
        seen = page.evaluate("window.seen")
        if seen["shown"] is not None:
            break
    else:
        raise SystemExit("The page does not show another cut after a key.")
    page.wait_for_timeout(1500)  # the rest of the page is drawn
    return seen["shown"] - seen["key"], seen["shown"] - seen["sent"], seen["received"] - seen["sent"]


def script_alone(file: Path, rounds: int) -> tuple[float, ...]:
    """The times of the page's script for the same visits, in this process."""
    os.environ["AVSS_STORE"] = Store(str(file)).url
    page = run_page(PAGE)
    for cutoff in (3, 8) * 2:
        go_to(page, cutoff)
    return tuple(go_to(page, cutoff)[0] for _ in range(rounds) for cutoff in (3, 8))


def visit(file: Path, rounds: int) -> list[list[float]]:
    """The times of all visits to cuts that were shown before."""
    with served(file) as address, opened(address) as page:
        page.add_init_script(WATCH)
        page.goto(f"{address}/prune")
        slider = page.get_by_role("slider").first
        slider.wait_for(timeout=60_000)
        page.wait_for_timeout(5000)
        slider.focus()
        for key in ("ArrowRight", "ArrowLeft") * 2:
            steps(page, key)
        return [list(steps(page, key)) for _ in range(rounds) for key in ("ArrowRight", "ArrowLeft")]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--store", type=Path, help="keep the filled store in this file, or use the one that is there")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = wanted.store or Path(folder) / "runs.db"
        if not file.exists():
            cuts = fill(Store(str(file)), ModelSpec(), beginnings(file.with_suffix(".jsonl")), SWEPT)
            print(f"{cuts} cuts evaluated")
        script = script_alone(file, wanted.rounds)
        times = dict(zip(IN_BROWSER, zip(*visit(file, wanted.rounds), strict=True), strict=True))
    times["the page's script, without a browser"] = script
    rows = [(name, statistics.median(each), min(each), max(each)) for name, each in times.items()]
    print_table(
        f"Going back to an evaluated cut in Chromium, default model, ms, {2 * wanted.rounds} visits",
        ("", "median", "least", "most"),
        rows,
    )


if __name__ == "__main__":
    main()
