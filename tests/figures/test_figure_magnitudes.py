from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.magnitudes import magnitude_histogram


def histogram(a: np.ndarray, block: int, width: float = 0.5) -> pd.DataFrame:
    edges = np.arange(-12, 8 + width, width)
    counts, _ = np.histogram(np.log2(np.abs(a)), edges)
    return pd.DataFrame({"block": block, "low": edges[:-1], "high": edges[1:], "share": counts / a.size})


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.concat([histogram(random.normal(size=4000), 2), histogram(random.normal(size=4000) * 8, 9)])


def test_the_area_under_each_outline_is_the_share_it_covers(frame: pd.DataFrame) -> None:
    figure = magnitude_histogram(frame)
    assert [trace.name for trace in figure.data] == ["block 2", "block 9"]
    for trace, (_, rows) in zip(figure.data, frame.groupby("block"), strict=True):
        area = np.sum(np.asarray(trace.y)[:-1] * np.diff(trace.x))
        assert area == pytest.approx(rows["share"].sum())
        assert trace.line.shape == "hv"
    assert figure.layout.yaxis.title.text == "share of activations per doubling"
    assert "|a|" in figure.layout.xaxis.title.text


def test_chosen_blocks_in_the_order_asked_for(frame: pd.DataFrame) -> None:
    figure = magnitude_histogram(frame, [9, 2])
    assert [trace.name for trace in figure.data] == ["block 9", "block 2"]
    assert figure.data[0].fillpattern.shape != figure.data[1].fillpattern.shape


def test_epsilon_is_a_named_line_at_its_logarithm(frame: pd.DataFrame) -> None:
    (line,) = magnitude_histogram(frame, epsilon=2**-7).layout.shapes
    assert (line.x0, line.x1) == (-7.0, -7.0)
    assert line.name == "ε = 0.0078125"
    assert line.showlegend
    assert len(magnitude_histogram(frame).layout.shapes) == 0


def test_empty_stretches_are_drawn_as_nothing() -> None:
    sparse = pd.DataFrame({"block": 0, "low": [-4.0, 2.0], "high": [-3.0, 4.0], "share": [0.5, 0.5]})
    (trace,) = magnitude_histogram(sparse).data
    assert list(trace.x) == [-4, -3, 2, 4]
    assert list(trace.y) == [0.5, 0, 0.25, 0]


def test_open_ends_are_one_doubling_wide_and_say_what_they_hold() -> None:
    ends = pd.DataFrame(
        {"block": 3, "low": [-np.inf, -2.0, 1.0], "high": [-2.0, 1.0, np.inf], "share": [0.2, 0.6, 0.2]}
    )
    (trace,) = magnitude_histogram(ends).data
    assert list(trace.x) == [-3, -2, 1, 2]
    np.testing.assert_allclose(trace.y, [0.2, 0.2, 0.2, 0])
    assert trace.text[0].startswith("block 3<br>|a| from 0 to 0.25<br>20")
    assert "from 2 to ∞" in trace.text[2]


def test_bad_input_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(SettingError, match="ε must be greater than 0"):
        magnitude_histogram(frame, epsilon=0)
    with pytest.raises(SettingError, match="no block 5; it has 2, 9"):
        magnitude_histogram(frame, [5])
    with pytest.raises(SettingError, match="share"):
        magnitude_histogram(frame.drop(columns="share"))
