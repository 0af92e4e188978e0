"""Going back to an evaluated cut on the Prune page, in Chromium, on the default model. Goal: under 50 ms in the page.

The store is that of `going_back` with the default model, on the beginnings of the documents of sample:essays: how long
the text was that was evaluated makes no difference to looking it up. Two cutoffs are visited in turns with the
arrow keys. Counted are the milliseconds from the key to the frame with the numbers of the cut, which the browser has
already; from the key to the rest of the page, which the server draws anew when the slider has rested; the latter from
the message that the browser sends then; and, as in `going_back`, those of the page's script without a browser.
"""

from __future__ import annotations

import argparse
import json
import os
import re
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

IN_BROWSER = ("key to numbers", "key to the rest of the page", "message to the rest of the page")
WATCH = """
window.seen = {};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
    if (window.seen.key) window.seen.sent ??= performance.now();
    return send.call(this, data);
};
document.addEventListener("keydown", () => { window.seen = {key: performance.now()}; }, true);
// In the frame after a change, so that layout and painting of it are over.
const note = what => requestAnimationFrame(() => setTimeout(() => { window.seen[what] ??= performance.now(); }));
window.watch = () => {
    const hosts = [...document.querySelectorAll("*")].filter(each => each.shadowRoot?.querySelector(".readings"));
    const numbers = hosts[0].shadowRoot.querySelector(".readings");
    let value = numbers.textContent;
    new MutationObserver(() => {
        if (numbers.textContent !== value) note("numbers");
        value = numbers.textContent;
    }).observe(numbers, {subtree: true, childList: true, characterData: true});
    const caption = () => [...document.querySelectorAll("[data-testid=stCaptionContainer]")]
        .map(each => each.textContent).find(text => text.startsWith("Kept:"));
    let words = caption();
    new MutationObserver(() => {
        const now = caption();
        if (now && now !== words) {
            words = now;
            note("rest");
        }
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
};
"""


def beginnings(file: Path, characters: int = 40) -> CorpusSpec:
    """So many characters of every document, about 9 tokens."""
    corpus = read_corpus(CorpusSpec(part="all"))
    file.write_text("".join(json.dumps({"text": document.text[:characters]}) + "\n" for document in corpus.documents))
    return CorpusSpec(str(file))


def steps(page: Page, key: str) -> tuple[float, float, float]:
    """Milliseconds of one press: key to numbers, key to the rest of the page, message to the rest of the page."""
    page.keyboard.press(key)
    seen: dict[str, float] = {}
    for _ in range(200):
        page.wait_for_timeout(50)
        seen = page.evaluate("window.seen")
        if {"numbers", "rest"} <= set(seen):
            break
    else:
        raise SystemExit("The page does not show another cut after a key.")
    page.wait_for_timeout(1500)  # all figures are drawn
    return seen["numbers"] - seen["key"], seen["rest"] - seen["key"], seen["rest"] - seen["sent"]


def script_alone(file: Path, rounds: int) -> tuple[float, ...]:
    """The times of the page's script for the same visits, in this process."""
    os.environ["AVSS_STORE"] = Store(str(file)).url
    page = run_page(PAGE)
    for cutoff in (4, 3) * 2:
        go_to(page, cutoff)
    return tuple(go_to(page, cutoff)[0] for _ in range(rounds) for cutoff in (4, 3))


def visit(file: Path, rounds: int) -> list[list[float]]:
    """The times of all visits to cuts that were shown before."""
    with served(file) as address, opened(address) as page:
        page.add_init_script(WATCH)
        page.goto(f"{address}/prune")
        slider = page.get_by_role("slider", name=re.compile("Cutoff"))
        slider.wait_for(timeout=60_000)
        page.wait_for_timeout(5000)
        page.evaluate("window.watch()")
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
