from __future__ import annotations

import numpy as np
import pytest

from avss_core.figures.axes import block_axis, log_colourbar, log_floor, raised, spans_decades, tick_step, value_axis


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 99], False),
        ([1, 100], False),
        ([1, 101], True),
        ([1e-9, 1e-3, np.nan], True),
        ([-1, 1, 1000], False),
        ([0, 1, 1000], False),
        ([0, 0], False),
        ([5], False),
        ([], False),
        ([1, np.inf], False),
    ],
)
def test_a_logarithmic_axis_from_more_than_two_decades_on(values: list[float], expected: bool) -> None:
    assert spans_decades(values) is expected


def test_zeros_are_allowed_where_the_figure_can_show_them() -> None:
    assert spans_decades([0, 1, 1000], zeros=True)
    assert not spans_decades([-1, 1, 1000], zeros=True)


def test_what_is_not_positive_goes_half_a_decade_under_the_smallest() -> None:
    floor = log_floor([0.0, 10.0, np.nan, 1000.0])
    assert floor == pytest.approx(10 / 10**0.5)
    np.testing.assert_allclose(raised([0.0, -2.0, 10.0, np.nan], floor), [floor, floor, 10.0, np.nan])
    np.testing.assert_array_equal(raised([0.0, -2.0], None), [0.0, -2.0])


def test_every_decade_has_its_tick() -> None:
    assert value_axis([1e-4, 1e4], log=True)["dtick"] == 1
    assert value_axis([1, 150], log=True)["dtick"] == "D2"
    assert value_axis([1e-20, 1e5], log=True)["dtick"] == 3
    assert value_axis([1, 150], log=False)["type"] == "linear"


@pytest.mark.parametrize(
    ("count", "step"), [(1, 1), (12, 1), (16, 1), (17, 2), (30, 2), (32, 2), (48, 5), (80, 5), (126, 10)]
)
def test_block_ticks_never_crowd(count: int, step: int) -> None:
    assert tick_step(count) == step
    assert count / step <= 16


def test_the_range_of_a_block_axis_depends_on_the_number_of_blocks_only() -> None:
    axis = block_axis(30)
    low, high = axis["range"]
    assert low < 0
    assert 29 < high < 30
    assert (axis["tick0"], axis["dtick"]) == (0, 2)


def test_a_logarithmic_colour_bar_is_labelled_with_values() -> None:
    wide = log_colourbar([-2.5, 3.5], "v")
    assert dict(zip(wide["tickvals"], wide["ticktext"], strict=True))[-1] == "10<sup>-1</sup>"
    narrow = log_colourbar([2.1, 2.9], "v")
    assert dict(zip(np.round(narrow["tickvals"], 3), narrow["ticktext"], strict=True))[2.699] == "500"
