from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.retained import RANDOM, picked_point, random_name, retained_curve


def sweep(rates: dict[str, float], most: int = 10, n_blocks: int = 30) -> pd.DataFrame:
    columns = ["method", "removed", "share", "retained", "low", "high"]
    rows = [
        (name, k, k / n_blocks, rate**k, 0.9 * rate**k, 1.05 * rate**k)
        for name, rate in rates.items()
        for k in range(most + 1)
    ]
    return pd.DataFrame(rows, columns=columns)


def draws(most: int = 10, n_blocks: int = 30) -> pd.DataFrame:
    k = np.arange(most + 1)
    return pd.DataFrame({"removed": k, "share": k / n_blocks, "low": 0.5**k, "median": 0.7**k, "high": 0.9**k})


def test_one_line_per_method_with_its_interval() -> None:
    table = sweep({"avss": 0.9, "ablation": 0.97})
    figure = retained_curve(table.sample(frac=1, random_state=0).sort_values("method", ascending=False), n_blocks=30)
    lines = {trace.name: trace for trace in figure.data}
    assert set(lines) == {"avss", "ablation"}
    np.testing.assert_array_equal(lines["avss"].x, range(11))
    np.testing.assert_allclose(lines["avss"].y, 0.9 ** np.arange(11))
    np.testing.assert_allclose(lines["avss"].error_y.array, 0.05 * 0.9 ** np.arange(11))
    np.testing.assert_allclose(lines["avss"].error_y.arrayminus, 0.1 * 0.9 ** np.arange(11))
    assert lines["avss"].error_y.symmetric is False
    assert lines["avss"].line.dash != lines["ablation"].line.dash


def test_the_axis_gives_number_and_share() -> None:
    axis = retained_curve(sweep({"avss": 0.9}, most=15), n_blocks=30).layout.xaxis
    ticks = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    assert ticks[3] == "3<br>10%"
    assert ticks[15] == "15<br>50%"
    assert "number and share of 30" in axis.title.text


def test_the_90_percent_line_and_the_25_percent_mark_are_drawn_and_named() -> None:
    horizontal, vertical = retained_curve(sweep({"avss": 0.9}), n_blocks=30).layout.shapes
    assert (horizontal.y0, horizontal.y1, horizontal.name) == (0.9, 0.9, "90 % retained")
    assert (vertical.x0, vertical.x1, vertical.name) == (7.5, 7.5, "25 % of the blocks")
    assert horizontal.showlegend
    assert vertical.showlegend


def test_the_25_percent_mark_is_inside_the_axis_even_when_the_sweep_is_short() -> None:
    figure = retained_curve(sweep({"avss": 0.9}, most=3), n_blocks=30)
    assert figure.layout.xaxis.range[1] > 7.5


def test_random_cuts_are_a_band_under_the_methods() -> None:
    figure = retained_curve(sweep({"avss": 0.9}), draws(), n_blocks=30)
    band, median, method = figure.data
    assert (band.name, median.name, method.name) == (RANDOM, RANDOM, "avss")
    np.testing.assert_allclose(np.asarray(band.y)[:11], 0.9 ** np.arange(11))
    np.testing.assert_allclose(np.asarray(band.y)[11:], 0.5 ** np.arange(11)[::-1])
    assert [trace.showlegend for trace in (band, median)] == [False, None]


def test_the_chosen_cut_is_ringed_where_the_sweep_has_it() -> None:
    table = sweep({"avss": 0.9, "greedy": 0.95})
    ring = retained_curve(table, chosen=("greedy", 4), n_blocks=30).data[-1]
    assert (ring.name, list(ring.x), ring.marker.symbol) == ("chosen cut", [4], "circle-open")
    assert ring.y[0] == pytest.approx(0.95**4)
    assert len(retained_curve(table, chosen=("greedy", 40), n_blocks=30).data) == 2


def test_the_axis_is_logarithmic_beyond_two_decades_unless_something_is_lost_entirely() -> None:
    steep = sweep({"avss": 0.5})
    assert retained_curve(sweep({"avss": 0.9}), n_blocks=30).layout.yaxis.type == "linear"
    assert retained_curve(steep, n_blocks=30).layout.yaxis.type == "log"
    steep.loc[10, "retained"] = 0.0
    assert retained_curve(steep, n_blocks=30).layout.yaxis.type == "linear", "a logarithmic axis would hide the 0"


def test_the_hover_text_names_the_removed_blocks_where_they_are_known() -> None:
    table = sweep({"avss": 0.9}, most=2).assign(blocks=["none", "4", "4, 7"])
    (line,) = retained_curve(table, n_blocks=30).data
    assert "without blocks 4, 7" in line.text[2]
    assert "%{text}" in line.hovertemplate


def test_no_cut_yet_and_missing_columns_are_said() -> None:
    empty = sweep({"avss": 0.9}).iloc[:0]
    assert "No cut" in retained_curve(empty, n_blocks=30).layout.annotations[0].text
    with pytest.raises(SettingError, match="retained"):
        retained_curve(sweep({"avss": 0.9}).drop(columns="retained"), n_blocks=30)
    with pytest.raises(SettingError, match="band of random cuts needs the column median"):
        retained_curve(sweep({"avss": 0.9}), draws().drop(columns="median"), n_blocks=30)


def test_an_empty_chart_shows_the_scale_from_nothing_to_all() -> None:
    empty = pd.DataFrame(columns=["method", "removed", "share", "retained", "low", "high"])
    figure = retained_curve(empty, n_blocks=30)
    assert tuple(figure.layout.yaxis.range) == (0, 1.05)


@pytest.mark.parametrize(("intervals", "traces"), [("bars", 1), ("bands", 2), ("none", 1)])
def test_intervals_of_the_methods_as_bars_or_bands_or_not(intervals: str, traces: int) -> None:
    figure = retained_curve(sweep({"avss": 0.9}), n_blocks=30, intervals=intervals)
    assert len(figure.data) == traces
    line = figure.data[-1]
    assert (line.error_y.array is not None) == (intervals == "bars")
    if intervals == "bands":
        band = figure.data[0]
        np.testing.assert_allclose(np.asarray(band.y)[:11], 1.05 * 0.9 ** np.arange(11))
        np.testing.assert_allclose(np.asarray(band.y)[11:], 0.9 * 0.9 ** np.arange(11)[::-1])
        assert (band.legendgroup, band.showlegend) == (line.legendgroup, False)


def test_estimates_without_intervals_are_lines_alone() -> None:
    table = sweep({"avss": 0.9}).assign(low=np.nan, high=np.nan)
    *bands, line = retained_curve(table, n_blocks=30, intervals="bands").data
    assert [len(band.x) for band in bands] == [0]
    assert len(line.x) == 11


def test_an_interval_is_in_the_hover_text_where_there_is_one() -> None:
    table = sweep({"avss": 0.9}, most=2).astype({"low": float})
    table.loc[1, "low"] = np.nan
    (line,) = retained_curve(table, n_blocks=30).data
    assert list(line.text) == ["<br>95 %: 90.0% to 105.0%", "", "<br>95 %: 72.9% to 85.1%"]
    assert "95 %" not in line.hovertemplate


def test_the_legend_says_how_many_draws_the_band_has_and_what_it_covers() -> None:
    assert random_name(draws()) == RANDOM
    known = draws().assign(draws=[1, 8, *[20] * 9], coverage=[1.0, 1.0, *[19 / 21] * 9])
    assert random_name(known) == "random cuts (median; band of 20 draws, covers 90%)"
    median = retained_curve(sweep({"avss": 0.9}), known, n_blocks=30).data[1]
    assert "probability %{customdata[5]" in median.hovertemplate
    assert median.customdata[3][5] == pytest.approx(19 / 21)


def test_a_click_on_a_method_s_point_names_it() -> None:
    figure = retained_curve(
        sweep({"avss": 0.9, "greedy": 0.95}), draws(), chosen=("greedy", 4), n_blocks=30, intervals="bands"
    )
    names = [trace.name if trace.mode == "lines+markers" else "" for trace in figure.data]
    clicked = [{"curve_number": names.index("greedy"), "x": 7, "y": 0.7}]
    assert picked_point(figure, clicked) == ("greedy", 7)
    others = [number for number, name in enumerate(names) if not name]
    assert len(others) == 5, "a band and a median of random cuts, two bands, the ring"
    assert picked_point(figure, [{"curve_number": number, "x": 4, "y": 0.7} for number in others]) is None
    assert picked_point(figure, []) is None
