"""The whole path in a real browser: the page, the curves of the default model, a cutoff, an evaluation, its result.

Screenshots are kept in `tests/browser/screenshots`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
MINUTES = 60_000.0
KINDS = ("kept", "removed", "protected")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`avss serve` on a free port, with an empty store."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = tmp_path_factory.mktemp("browser") / "avss.db"
    command = [sys.executable, "-m", "avss_core", "serve", "--port", str(port), "--store", str(store)]
    server = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(30)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium on the PATH, else Playwright's own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        if chromium is None and not Path(playwright.chromium.executable_path).exists():
            pytest.fail(
                "No Chromium: install one (Debian: apt-get install chromium), or run `playwright install chromium`."
            )
        with playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]) as launched:
            yield launched


def keep_picture(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.wait_for_timeout(700)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def test_profile_cut_evaluate(address: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1300})
    page.goto(address)

    # Nothing was clicked: the first start profiles the default model by itself, and the curves converge.
    expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=1 * MINUTES)
    expect(page.get_by_text(re.compile(r"residual, .*[1-9]\d* of \d+ shards")).first).to_be_visible(timeout=2 * MINUTES)
    keep_picture(page, "overview-live")
    expect(page.get_by_text(re.compile(r"Finished .*, in [\d.]+ s"))).to_be_visible(timeout=5 * MINUTES)
    keep_picture(page, "overview-done")

    page.get_by_role("link", name="Profile").click()
    expect(page.get_by_text("by block, eq. (7)").first).to_be_visible(timeout=MINUTES)
    page.get_by_test_id("stButtonGroup").get_by_text("update").click()
    expect(page.get_by_text(re.compile("site update")).first).to_be_visible(timeout=MINUTES)
    keep_picture(page, "profile")

    page.get_by_role("link", name="Prune").click()
    slider = page.get_by_role("slider", name=re.compile("Cutoff"))
    expect(slider).to_be_visible(timeout=MINUTES)
    before = int(slider.input_value())
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text(f"{before + 2} of 30 blocks (")).to_be_visible(timeout=MINUTES)
    expect(page.get_by_text(f"removed ({before + 2})")).to_be_visible(timeout=MINUTES)
    assert [page.locator(f".strip .{kind}").count() for kind in KINDS] == [30 - before - 4, before + 2, 2]
    # At once, before the server has been told: it evaluates what is seen nevertheless.
    page.get_by_role("button", name="Evaluate", exact=True).click()

    after = page.locator(".reading").filter(has_text="Perplexity after")
    expect(after).to_be_visible(timeout=5 * MINUTES)
    values = {
        name: float(
            page.locator(".reading").filter(has_text=name).locator("strong").inner_text().rstrip("%").replace(",", "")
        )
        for name in ("Perplexity before", "Perplexity after", "Retained", "Parameters cut")
    }
    keep_picture(page, "prune")
    assert 5 < values["Perplexity before"] < 60
    assert values["Perplexity after"] > values["Perplexity before"]
    assert values["Retained"] == pytest.approx(
        100 * values["Perplexity before"] / values["Perplexity after"], rel=0.02, abs=0.06
    )
    assert values["Parameters cut"] == pytest.approx(100 * (before + 2) * 3_540_096 / 134_515_008, abs=0.1)

    # What was evaluated is there at once when one comes back to it, and the rest of the page follows.
    said = page.get_by_text(re.compile(rf"\(the {before + 2} lowest by"))
    expect(said).to_be_visible(timeout=MINUTES)
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("This cut has not been evaluated yet")).to_be_visible(timeout=MINUTES)
    expect(said).to_have_count(0, timeout=MINUTES)
    page.keyboard.press("ArrowLeft")
    expect(after).to_be_visible(timeout=MINUTES)
    expect(said).to_be_visible(timeout=MINUTES)
    assert int(slider.input_value()) == before + 2


def on_prune(address: str, browser: Browser) -> tuple[Page, Locator]:
    """The Prune page and its cutoff slider, which has the focus."""
    page = browser.new_page(viewport={"width": 1280, "height": 1300})
    page.goto(f"{address}/prune")
    slider = page.get_by_role("slider", name=re.compile("Cutoff"))
    expect(slider).to_be_visible(timeout=MINUTES)
    slider.focus()
    return page, slider


def test_what_the_server_answers_does_not_pull_the_slider_back(address: str, browser: Browser) -> None:
    page, slider = on_prune(address, browser)
    page.keyboard.press("Home")
    places = []
    for _ in range(12):  # each press comes while the server is at an earlier one
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(140)
        places.append(int(slider.input_value()))
    assert places == list(range(1, 13))
    page.wait_for_timeout(3000)
    assert int(slider.input_value()) == 12


def test_the_slider_follows_what_the_server_says(address: str, browser: Browser) -> None:
    page, slider = on_prune(address, browser)
    page.keyboard.press("End")
    expect(page.locator(".strip .removed")).to_have_count(28, timeout=MINUTES)
    # Fewer blocks may go, and so there are fewer places.
    count = page.get_by_label("So many first blocks")
    count.fill("20")
    count.press("Enter")
    expect(page.locator(".strip .protected")).to_have_count(21, timeout=MINUTES)
    expect(page.locator(".strip .removed")).to_have_count(9, timeout=MINUTES)
    assert (slider.input_value(), slider.get_attribute("max")) == ("9", "9")
    # By hand there is no slider, and it comes back where it was.
    choose = page.get_by_role("combobox", name="Remove by")
    choose.click()
    page.get_by_role("option", name="by hand").click()
    expect(slider).to_be_hidden(timeout=MINUTES)
    choose.click()
    page.get_by_role("option").first.click()
    expect(slider).to_be_visible(timeout=MINUTES)
    assert slider.input_value() == "9"
    assert page.locator(".marks i").count() == 10


def test_what_was_set_stays_while_another_page_is_looked_at(address: str, browser: Browser) -> None:
    page, slider = on_prune(address, browser)
    page.get_by_role("combobox", name="Remove by").click()
    page.get_by_role("option", name="by hand").click()
    expect(slider).to_be_hidden(timeout=MINUTES)
    page.get_by_test_id("stButtonGroup").get_by_role("button", name="28", exact=True).click()
    expect(page.locator(".strip .removed")).to_have_count(1, timeout=MINUTES)
    page.get_by_role("link", name="Heal").click()
    expect(page.get_by_role("textbox", name="Blocks that are removed")).to_have_value("28", timeout=MINUTES)
    page.get_by_role("link", name="Prune").click()
    expect(page.locator(".strip .removed")).to_have_count(1, timeout=MINUTES)
    expect(page.locator(".strip .removed")).to_have_text("28")


def test_a_click_on_a_point_of_a_sweep_shows_its_cut(address: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1300})
    page.goto(f"{address}/sweep")
    slider = page.get_by_role("slider", name="Blocks to remove")
    expect(slider).to_have_value("3", timeout=2 * MINUTES)
    # What was evaluated on the Prune page, where the site of the Profile page counts: nothing removed, and 5 blocks.
    page.get_by_test_id("stButtonGroup").get_by_text("update").click()
    points = page.get_by_test_id("stPlotlyChart").first.locator(".points path.point")
    expect(points).to_have_count(2, timeout=MINUTES)
    point = points.last
    point.scroll_into_view_if_needed(timeout=MINUTES)
    page.wait_for_timeout(1000)
    box = point.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(slider).to_have_value("5", timeout=MINUTES)
    expect(page.get_by_text("removed (5)")).to_be_visible(timeout=MINUTES)
    expect(page.get_by_text(re.compile(r"^Removed: (\d+, ){4}\d+\."))).to_be_visible(timeout=MINUTES)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (600, "light")])
def test_pages_in_other_looks(address: str, browser: Browser, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 1100}, color_scheme=scheme)  # type: ignore[arg-type]
    for name in ("overview", "profile", "prune"):
        page.goto(f"{address}/{name}")
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=2 * MINUTES)
        keep_picture(page, f"{name}-{scheme}-{width}")
        assert page.get_by_text("Page not found").count() == 0
        assert page.get_by_test_id("stException").count() == 0
        sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert sideways <= 0, f"the page {name!r} scrolls sideways at {width} pixels"
