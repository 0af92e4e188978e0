from __future__ import annotations

import numpy as np
import pytest

from avss_core.errors import SettingError
from avss_core.figures.labels import BAND
from avss_core.figures.line import FLOORED, OFF_AXIS
from avss_core.figures.overlay import overlay


def test_tables_of_the_same_depth_share_the_block_axis(scores) -> None:
    figure = overlay({"essays": scores(12, growth=1.2), "wiki": scores(12, growth=1.2, seed=3)}, "l2")
    assert [trace.name for trace in figure.data] == ["essays", "wiki"]
    np.testing.assert_array_equal(figure.data[1].x, range(12))
    assert figure.layout.xaxis.title.text == "block"
    first, second = (figure.data[i] for i in (0, 1))
    assert first.line.color != second.line.color
    assert first.line.dash != second.line.dash
    assert first.marker.symbol != second.marker.symbol


def test_depth_runs_from_0_to_1_when_the_numbers_of_blocks_differ(scores) -> None:
    figure = overlay({"small": scores(5), "large": scores(9)}, "l2")
    np.testing.assert_allclose(figure.data[0].x, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(figure.data[1].x, np.arange(9) / 8)
    assert "depth" in figure.layout.xaxis.title.text
    assert "block %{customdata[0]:d} of 5" in figure.data[0].hovertemplate
    np.testing.assert_array_equal(figure.data[1].customdata[:, 0], range(9))


def test_a_single_block_stands_at_depth_0(scores) -> None:
    figure = overlay({"one": scores(1), "two": scores(2)}, "l2")
    assert list(figure.data[0].x) == [0]


def test_the_axis_is_chosen_by_all_tables_together(scores) -> None:
    small, large = scores(4, growth=1.1), scores(4, growth=1.1)
    large["variance"] *= 1e4
    assert overlay({"a": small}, "variance").layout.yaxis.type == "linear"
    assert overlay({"a": small, "b": large}, "variance").layout.yaxis.type == "log"


def test_each_table_keeps_its_band_and_shared_marks_are_explained_once(scores) -> None:
    tables = {}
    for name in ("a", "b"):
        table = scores(6, dense=(2,))
        tables[name] = table.assign(avss_low=table["avss"] * 0.9, avss_high=table["avss"] * 1.1)
    figure = overlay(tables, "avss")
    assert sum(trace.name == BAND for trace in figure.data) == 2
    assert {trace.legendgroup for trace in figure.data if trace.name == BAND} == {"a", "b"}
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["a", FLOORED, "b"]


def test_zeros_of_every_table_lie_under_the_smallest_value_of_all(scores) -> None:
    low, high = scores(6, growth=2.5), scores(6, growth=2.5, dense=(3,))
    low["sparsity"] /= 1000
    figure = overlay({"low": low, "high": high}, "sparsity", log=True)
    (zero,) = [trace for trace in figure.data if trace.name == OFF_AXIS]
    assert zero.y[0] < low["sparsity"].min()


def test_nothing_to_overlay_and_missing_columns_are_refused(scores) -> None:
    with pytest.raises(SettingError, match="at least one"):
        overlay({}, "l2")
    with pytest.raises(SettingError, match=r"overlay \(b\) needs the column l2"):
        overlay({"a": scores(3), "b": scores(3).drop(columns="l2")}, "l2")
