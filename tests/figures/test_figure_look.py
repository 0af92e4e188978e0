"""Colours that can be told apart on both themes, titles and legends clear of the data, nothing heavy imported."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from avss_core.figures.style import (
    DASHES,
    PALETTE,
    SYMBOLS,
    colour,
    dash,
    finish,
    say,
    symbol,
    translucent,
    under_title,
)

ROOT = Path(__file__).parents[2]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
EYES = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# Ottosson (2020): linear RGB to cone responses, and their cube roots to lightness and two hues.
CONES = np.array(
    [[0.41222147, 0.53633254, 0.05144599], [0.2119035, 0.6806995, 0.10739696], [0.08830246, 0.28171884, 0.6299787]]
)
LAB = np.array(
    [[0.21045426, 0.79361779, -0.00407205], [1.9779985, -2.42859221, 0.45059371], [0.02590404, 0.78277177, -0.80867577]]
)


def linear(hex_colour: str) -> np.ndarray:
    value = np.array([int(hex_colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((linear(c) @ [0.2126, 0.7152, 0.0722] for c in (one, other)), reverse=True)
    return float((light + 0.05) / (dark + 0.05))


def oklab(rgb: np.ndarray) -> np.ndarray:
    return LAB @ np.cbrt(CONES @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_line_colour_is_seen_on_the_theme_it_may_land_on(theme: str) -> None:
    background = THEME["theme"][theme]["backgroundColor"]
    assert min(contrast(one, background) for one in PALETTE) >= 3
    assert contrast(THEME["theme"][theme]["textColor"], background) >= 7
    assert contrast(THEME["theme"][theme]["primaryColor"], "#ffffff") >= 4, "the words on a primary button are white"


@pytest.mark.parametrize("eye", EYES)
def test_line_colours_stay_apart_for_every_eye(eye: str) -> None:
    # 0.02 in OKLab is about the smallest difference that is noticed side by side.
    labs = [oklab(EYES[eye] @ linear(one)) for one in PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(labs, 2)) > 0.05


def test_lines_differ_by_more_than_colour_when_colours_come_round_again() -> None:
    looks = [(colour(i), dash(i), symbol(i)) for i in range(40)]
    assert len(set(looks)) == 40
    assert looks[len(PALETTE)][0] == looks[0][0]
    assert looks[len(PALETTE)][1:] != looks[0][1:]
    assert len({DASHES[0], SYMBOLS[0], dash(1), symbol(1)}) == 4


def test_translucent_keeps_the_colour() -> None:
    assert translucent("#2f7fd0", 0.25) == "rgba(47, 127, 208, 0.25)"


def test_finish_sets_titles_and_hangs_the_legend_between_title_and_plot() -> None:
    figure = finish(go.Figure(), "A title", "block", "variance (activation²)", height=400)
    assert figure.layout.title.text == "A title"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("block", "variance (activation²)")
    legend = figure.layout.legend
    assert (legend.yref, legend.yanchor, legend.orientation) == ("container", "top", "h")
    # Above the middle, so that plotly reserves margin at the top for however many rows it takes.
    assert 0.5 < legend.y < 1
    assert (1 - legend.y) * 400 >= figure.layout.title.pad.t + figure.layout.template.layout.title.font.size


def test_backgrounds_are_transparent_on_the_figure_itself() -> None:
    layout = finish(go.Figure(), "t").layout
    for background in (layout.paper_bgcolor, layout.plot_bgcolor):
        assert background.replace(" ", "") == "rgba(0,0,0,0)"


def test_a_long_title_is_broken_and_pushes_the_legend_down() -> None:
    short = finish(go.Figure(), "Variance").layout
    long = finish(go.Figure(), "word " * 30).layout
    assert long.title.text.count("<br>") == 2
    assert long.legend.y < short.legend.y
    assert long.margin.t > short.margin.t


def test_a_line_break_in_a_title_is_kept() -> None:
    assert finish(go.Figure(), "one\ntwo").layout.title.text == "one<br>two"


def test_say_writes_the_sentence() -> None:
    (note,) = say(go.Figure(), "nothing yet").layout.annotations
    assert (note.text, note.showarrow) == ("nothing yet", False)


def test_the_web_theme_uses_the_same_colours_and_leaves_the_address_to_the_launcher() -> None:
    assert tuple(THEME["theme"]["chartCategoricalColors"]) == PALETTE
    assert THEME["browser"]["gatherUsageStats"] is False
    assert THEME["client"]["toolbarMode"] == "minimal"
    assert "server" not in THEME


def test_streamlit_knows_every_option_of_the_theme() -> None:
    code = "import streamlit.config as c; c.get_config_options(force_reparse=True)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "not a valid config option" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["logo.svg", "favicon.svg"])
def test_the_logo_has_blocks_that_are_there_and_one_that_is_missing(name: str) -> None:
    root = ElementTree.parse(ROOT / "assets" / name).getroot()
    boxes = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    hollow = [box for box in boxes if box.get("fill") == "none"]
    assert root.get("viewBox")
    assert len(hollow) == 1
    assert len(boxes) >= 3


def test_figures_import_neither_torch_nor_streamlit() -> None:
    code = (
        "import sys, avss_core.figures; "
        "print([m for m in ('torch', 'transformers', 'streamlit', 'dask') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_line_under_the_title_takes_no_room_from_the_plot() -> None:
    plain = finish(go.Figure(go.Scatter(y=[1, 2])), "Variance", height=380).layout
    noted = under_title(finish(go.Figure(go.Scatter(y=[1, 2])), "Variance", height=380), "a model · a text").layout
    assert noted.title.text.startswith("Variance<br><span")
    assert "a model · a text" in noted.title.text
    assert noted.height - noted.margin.t == plain.height - plain.margin.t
    assert noted.margin.t > plain.margin.t
    for layout in (plain, noted):  # the legend hangs under the title, in pixels from the top
        assert (1 - layout.legend.y) * layout.height == pytest.approx(layout.margin.t - 8)
