from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from avss_core.errors import SettingError
from avss_core.figures.curves import block_curve, curve_grid, stretches
from avss_core.figures.labels import BAND, Statistic
from avss_core.figures.line import FLOORED, OFF_AXIS


def named(figure: go.Figure, name: str) -> go.Scatter:
    (trace,) = [trace for trace in figure.data if trace.name == name]
    return trace


def with_band(table: pd.DataFrame, column: str) -> pd.DataFrame:
    return table.assign(**{f"{column}_low": table[column] * 0.9, f"{column}_high": table[column] * 1.2})


def test_the_line_is_the_column_in_block_order(scores) -> None:
    table = scores(6)
    figure = block_curve(table.sample(frac=1, random_state=1), "variance")
    line = named(figure, "Variance")
    np.testing.assert_array_equal(line.x, range(6))
    np.testing.assert_allclose(line.y, table["variance"])
    assert figure.layout.title.text == "Variance σ² by block, eq. (1)"
    assert figure.layout.xaxis.title.text == "block"
    assert figure.layout.yaxis.title.text == "Variance σ² (activation²)"
    assert "block %{customdata[0]:d}" in line.hovertemplate
    np.testing.assert_allclose(line.customdata[:, 0], range(6))


def test_the_band_runs_along_the_upper_ends_and_back_along_the_lower(scores) -> None:
    table = with_band(scores(5), "l2")
    band = named(block_curve(table, "l2"), BAND)
    np.testing.assert_array_equal(band.x, [0, 1, 2, 3, 4, 4, 3, 2, 1, 0])
    np.testing.assert_allclose(band.y, [*(table["l2"] * 1.2), *(table["l2"] * 0.9)[::-1]])
    assert band.fill == "toself"


def test_no_band_without_both_ends(scores) -> None:
    half = with_band(scores(5), "l2").drop(columns="l2_low")
    figure = block_curve(half, "l2")
    assert [trace.name for trace in figure.data] == ["L2 norm"]
    assert figure.layout.showlegend is False, "a single line needs no legend: the title names it"


def test_no_band_where_no_end_is_known(scores) -> None:
    known = with_band(scores(5), "l2")
    assert "95 %" in named(block_curve(known, "l2"), "L2 norm").hovertemplate
    figure = block_curve(known.assign(l2_low=np.nan, l2_high=np.nan), "l2")
    (line,) = figure.data
    assert "95 %" not in line.hovertemplate


def test_flagged_blocks_are_marked_and_explained(scores) -> None:
    figure = block_curve(scores(6, dense=(2, 5)), "avss", log=False)
    marks = named(figure, FLOORED)
    assert list(marks.x) == [2, 5]
    assert marks.marker.symbol != named(figure, "AVSS").marker.symbol
    assert marks.showlegend is not False
    assert figure.layout.showlegend is True
    assert FLOORED in marks.hovertemplate


def test_the_axis_is_logarithmic_when_values_span_more_than_two_decades(scores) -> None:
    assert block_curve(scores(6, growth=1.1), "variance").layout.yaxis.type == "linear"
    assert block_curve(scores(6, growth=3.0), "variance").layout.yaxis.type == "log"
    assert block_curve(scores(6, growth=3.0), "variance", log=False).layout.yaxis.type == "linear"
    assert block_curve(scores(6, growth=1.1), "variance", log=True).layout.yaxis.type == "log"


def test_a_zero_is_shown_under_a_logarithmic_axis_and_not_lost(scores) -> None:
    table = scores(6, growth=2.5, dense=(3,))
    assert table["sparsity"][3] == 0
    figure = block_curve(with_band(table, "sparsity"), "sparsity", log=True)
    assert np.isnan(named(figure, "Sparsity").y[3])
    smallest = table["sparsity"][table["sparsity"] > 0].min()
    mark = named(figure, OFF_AXIS)
    assert list(mark.x) == [3]
    assert 0 < mark.y[0] < smallest
    assert list(named(figure, FLOORED).y) == list(mark.y)
    assert (np.asarray(named(figure, BAND).y) > 0).all(), "a logarithmic axis cannot draw a band down to zero"


def test_removed_blocks_are_shaded_with_one_entry_in_the_legend(scores) -> None:
    assert stretches([9, 3, 4, 5, 3]) == [(3, 5), (9, 9)]
    shapes = block_curve(scores(10), "l2", removed=(3, 4, 5, 9)).layout.shapes
    assert [(shape.x0, shape.x1) for shape in shapes] == [(2.5, 5.5), (8.5, 9.5)]
    assert [shape.showlegend for shape in shapes] == [True, False]
    assert shapes[0].name == "removed"


def test_more_blocks_than_the_table_has_can_be_shown(scores) -> None:
    assert block_curve(scores(4), "l2", n_blocks=30).layout.xaxis.range[1] == pytest.approx(29.6)


def test_a_statistic_of_another_table_brings_its_own_words(scores) -> None:
    influence = Statistic(
        "bi", "Block influence", "BI", None, "1 − cosine", "How far a block turns the state.", "higher"
    )
    figure = block_curve(scores(4).assign(bi=[0.4, 0.1, 0.2, 0.3]), influence)
    assert figure.layout.yaxis.title.text == "Block influence BI (1 − cosine)"


def test_a_missing_column_is_named(scores) -> None:
    with pytest.raises(SettingError, match="block curve needs the column l1"):
        block_curve(scores(4).drop(columns="l1"), "l1")


def test_an_empty_table_says_that_it_waits(scores) -> None:
    figure = block_curve(scores(4).iloc[:0], "variance", n_blocks=4)
    assert "waiting" in figure.layout.annotations[0].text
    assert figure.layout.xaxis.range[1] == pytest.approx(3.6)


def test_the_grid_has_one_plot_per_statistic_with_its_unit(scores) -> None:
    table = with_band(scores(30, growth=1.4), "variance")
    figure = curve_grid(table, ["variance", "sparsity", "avss", "l2"], per_row=3)
    headings = [note.text for note in figure.layout.annotations]
    assert [heading.split("<br>")[0] for heading in headings] == [
        "Variance σ²",
        "Sparsity S",
        "AVSS σ²/S",
        "L2 norm ‖a‖₂",
    ]
    assert "activation²" in headings[0]
    assert "share of activations" in headings[1]
    np.testing.assert_allclose(named(figure, "L2 norm").y, table["l2"])
    assert named(figure, "L2 norm").xaxis == "x4"
    # The x axis is named where no plot lies below: the fourth plot stands under the first.
    names = [figure.layout[axis].title.text for axis in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert names == [None, "block", "block", "block"]


def test_the_grids_axes_do_not_move_while_shards_arrive(scores) -> None:
    early = curve_grid(scores(30, seed=1).iloc[:0], ["variance", "l2"], n_blocks=30)
    late = curve_grid(scores(30, seed=2), ["variance", "l2"], n_blocks=30)
    for axis in ("xaxis", "xaxis2"):
        assert early.layout[axis].range == late.layout[axis].range == pytest.approx((-0.6, 29.6))
    assert early.layout.height == late.layout.height
    assert "waiting" in early.layout.title.text
    assert "waiting" not in late.layout.title.text


def test_the_grid_explains_shared_marks_once_and_leaves_names_to_the_headings(scores) -> None:
    table = with_band(with_band(scores(8, dense=(1,)), "variance"), "l2")
    figure = curve_grid(table, ["variance", "l2", "avss"])
    shown = [trace.name for trace in figure.data if trace.showlegend]
    assert sorted(shown) == sorted([BAND, FLOORED])


def test_a_fixed_axis_of_the_grid_stays_fixed(scores) -> None:
    table = scores(6, growth=3.0)
    figure = curve_grid(table, ["variance", "avss"], log={"variance": False})
    assert (figure.layout.yaxis.type, figure.layout.yaxis2.type) == ("linear", "log")


def test_headings_lie_under_the_top_of_the_plotting_area_so_that_the_legend_clears_them(scores) -> None:
    figure = curve_grid(scores(6), ["variance", "l2", "avss", "l1"], per_row=2)
    top = max(axis.domain[1] for axis in figure.select_yaxes())
    assert top < 0.95
    assert max(note.y for note in figure.layout.annotations) == pytest.approx(top)


def test_a_grid_of_nothing_is_refused(scores) -> None:
    with pytest.raises(SettingError, match="at least one statistic"):
        curve_grid(scores(3), [])


def test_a_band_that_is_no_interval_carries_its_own_words(scores) -> None:
    share = Statistic("sparsity", "Share", "", None, "", "A share.", "neither", band="bounds of the histogram")
    figure = block_curve(with_band(scores(5), "sparsity"), share)
    assert named(figure, "bounds of the histogram").fill == "toself"
    assert "bounds of the histogram: %{customdata[2]" in named(figure, "Share").hovertemplate
    assert "95 %" not in figure.to_json()


def test_what_the_histogram_leaves_open_is_in_the_hover_text(scores) -> None:
    table = scores(5)
    table = table.assign(sparsity_min=table["sparsity"] * 0.9, sparsity_max=table["sparsity"] * 1.1)
    line = named(block_curve(table, "sparsity"), "Sparsity")
    assert "the histogram allows %{customdata[4]:.4g} to %{customdata[5]:.4g}" in line.hovertemplate
    np.testing.assert_allclose(line.customdata[:, 4:], table[["sparsity_min", "sparsity_max"]])
    assert "allows" not in named(block_curve(table, "variance"), "Variance").hovertemplate
