from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.massive import massive_map, point_sizes

POINTS = pd.DataFrame(
    {"block": [2, 3, 3], "position": [0, 0, 17], "feature": [138, 138, 447], "ratio": [100.0, 10000.0, 1000.0]}
)


def test_points_stand_at_position_and_block_sized_and_coloured_by_ratio() -> None:
    figure = massive_map(POINTS, n_blocks=30)
    (dots,) = figure.data
    assert set(zip(dots.x, dots.y, strict=True)) == {(0, 2), (0, 3), (17, 3)}
    order = np.argsort(dots.marker.color)
    np.testing.assert_allclose(np.asarray(dots.marker.color)[order], [2, 3, 4])
    np.testing.assert_allclose(np.asarray(dots.marker.size)[order], [6, 14, 22])
    np.testing.assert_allclose(np.asarray(dots.customdata)[order][:, 3], [100, 1000, 10000])
    assert figure.layout.yaxis.range[1] == pytest.approx(29.6)
    assert figure.layout.xaxis.range[0] < 0, "the points at position 0 are not cut in half"
    assert "median" in dots.marker.colorbar.title.text
    assert "block %{customdata[0]:d}" in dots.hovertemplate
    assert figure.layout.xaxis.title.text == "token position in the document"


def test_large_points_are_drawn_first_so_that_they_hide_none() -> None:
    sizes = massive_map(POINTS).data[0].marker.size
    assert list(sizes) == sorted(sizes, reverse=True)


def test_by_feature() -> None:
    figure = massive_map(POINTS, "feature")
    assert set(figure.data[0].x) == {138, 447}
    assert figure.layout.xaxis.title.text == "feature"
    assert "feature" in figure.layout.title.text


def test_equal_ratios_are_drawn_alike() -> None:
    assert len(set(point_sizes(np.array([500.0, 500.0])))) == 1


def test_none_found_and_bad_input_are_said() -> None:
    assert "No massive activation" in massive_map(POINTS.iloc[:0], n_blocks=30).layout.annotations[0].text
    with pytest.raises(SettingError, match="not by 'token'"):
        massive_map(POINTS, "token")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="ratio"):
        massive_map(POINTS.drop(columns="ratio"))
