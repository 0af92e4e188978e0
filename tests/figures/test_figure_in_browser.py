"""What only a browser can tell: on a narrow page the legend wraps, and still covers neither the title nor the data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import pairwise

import plotly.graph_objects as go
import pytest
from playwright.sync_api import Error, Page, sync_playwright
from plotly.offline import get_plotlyjs

from avss_core.figures.agreement import ablation_scatter
from avss_core.figures.curves import block_curve, curve_grid
from avss_core.figures.overlay import overlay
from avss_core.figures.style import under_title

BOXES = """() => {
  const box = (selector) => [...document.querySelectorAll(selector)].map((e) => {
    const r = e.getBoundingClientRect(); return {left: r.left, right: r.right, top: r.top, bottom: r.bottom}; });
  return {title: box('.gtitle'), legend: box('.legend'), plots: box('.draglayer .nsewdrag'),
          headings: box('.annotation'), ticks: box('.xtick text'), sides: box('.ytitle'),
          texts: box('svg.main-svg text')};
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        except Error:
            pytest.skip("no Chromium: install Debian's `chromium` or run `playwright install chromium`")
        page = chromium.new_page()
        page.set_content("<body style='margin:0'></body>")
        page.add_script_tag(content=get_plotlyjs())
        yield page
        chromium.close()


def boxes(page: Page, figure: go.Figure, width: int) -> dict[str, list[dict[str, float]]]:
    """Where title, legend, plots and texts are, in pixels, when the figure is drawn this wide."""
    page.evaluate(
        "([f, width]) => { document.body.innerHTML = `<div id='f' style='width:${width}px'></div>`;"
        " return Plotly.newPlot('f', f.data, {...f.layout, width}).then(() => null); }",
        [json.loads(figure.to_json()), width],
    )
    return page.evaluate(BOXES)


@pytest.mark.parametrize("width", [1200, 600, 420])
def test_title_legend_and_data_are_one_under_the_other(page: Page, scores, width: int) -> None:
    tables = {}
    for name, seed in (("SmolLM2-135M-Instruct, essays", 0), ("the same, wiki", 1), ("with a rather long name", 2)):
        table = scores(30, dense=(3,), seed=seed)
        tables[name] = table.assign(avss_low=table["avss"] * 0.9, avss_high=table["avss"] * 1.1)
    seen = boxes(page, overlay(tables, "avss"), width)
    (title,), (legend,) = seen["title"], seen["legend"]
    assert title["top"] >= 0
    assert title["bottom"] <= legend["top"] + 1
    assert legend["right"] <= width
    assert legend["bottom"] <= min(plot["top"] for plot in seen["plots"]) + 1
    assert min(text["left"] for text in seen["texts"]) >= -1, "no label is cut off on the left"


@pytest.mark.parametrize("n_blocks", [30, 48])
def test_block_numbers_do_not_run_into_each_other(page: Page, scores, n_blocks: int) -> None:
    ticks = boxes(page, block_curve(scores(n_blocks, growth=1.2), "l2"), 600)["ticks"]
    ticks.sort(key=lambda tick: tick["left"])
    assert len(ticks) >= 9
    assert all(one["right"] + 2 < other["left"] for one, other in pairwise(ticks))


def test_headings_of_the_grid_lie_between_the_legend_and_the_plots(page: Page, scores) -> None:
    table = scores(30, dense=(2,))
    table = table.assign(variance_low=table["variance"] * 0.9, variance_high=table["variance"] * 1.1)
    seen = boxes(page, curve_grid(table, ["variance", "sparsity", "avss", "l2", "avss_share", "l1"]), 600)
    first_row = sorted(seen["headings"], key=lambda heading: heading["top"])[:3]
    assert min(heading["top"] for heading in first_row) >= seen["legend"][0]["bottom"] - 1


def test_a_title_of_two_lines_is_seen_whole(page: Page, scores) -> None:
    points = scores(6).rename(columns={"l2": "score", "l1": "ablation"})
    seen = boxes(page, ablation_scatter(points, "L2 norm", agreement={"spearman": 0.5, "kendall": 0.4}), 600)
    (title,) = seen["title"]
    assert title["bottom"] - title["top"] > 30
    assert title["top"] >= 0
    assert title["bottom"] <= seen["plots"][0]["top"]


@pytest.mark.parametrize("height", [460, 260])
def test_the_name_of_an_axis_is_no_longer_than_the_axis(page: Page, scores, height: int) -> None:
    points = scores(6).rename(columns={"l2": "score", "l1": "ablation"})
    agreement = {"spearman": 0.5, "spearman_low": 0.1, "spearman_high": 0.7}
    seen = boxes(page, ablation_scatter(points, "L2 norm", agreement=agreement, height=height), 600)
    (side,), (plot,) = seen["sides"], seen["plots"]
    assert plot["top"] <= side["top"]
    assert side["bottom"] <= plot["bottom"]
    assert side["left"] >= 0


@pytest.mark.parametrize("title", ["Sparsity", "Sparsity\nof every block"])
@pytest.mark.parametrize("words", ["default · sample:essays", "a model with a long name · a text: site residual " * 3])
def test_the_lines_under_a_title_lie_above_the_legend(page: Page, scores, title: str, words: str) -> None:
    table = scores(6)
    table = table.assign(sparsity_low=table["sparsity"] * 0.9, sparsity_high=table["sparsity"] * 1.1)
    seen = boxes(page, under_title(block_curve(table, "sparsity", title=title), words), 700)
    (heading,), (legend,) = seen["title"], seen["legend"]
    assert heading["top"] >= 0
    assert heading["bottom"] <= legend["top"] + 1
    assert legend["bottom"] <= seen["plots"][0]["top"] + 1
    assert heading["right"] <= 700
