"""The gain chart shows the ratios, their spread and their direction."""

from __future__ import annotations

import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.gain import gain_chart
from avss_core.pruning.gain_table import gain_table


@pytest.fixture
def table() -> pd.DataFrame:
    original = {"parameters": [100], "base_tokens_per_second": [50, 40], "seconds_per_token": [0.2, 0.4]}
    pruned = {"parameters": [80], "base_tokens_per_second": [60, 56], "seconds_per_token": [0.1, 0.3]}
    return gain_table(original, pruned)


def test_ratios_and_their_spread(table: pd.DataFrame) -> None:
    figure = gain_chart(table)
    more, less = figure.data
    assert (more.name, less.name) == ("higher is better", "lower is better")
    assert list(more.y) == ["forward pass without the head"]
    assert list(less.y) == ["parameters", "time per further token"]
    assert list(more.x) == pytest.approx([1.3])  # of 60 / 50 and 56 / 40
    assert list(more.error_x.array) == pytest.approx([0.1])
    assert list(more.error_x.arrayminus) == pytest.approx([0.1])
    assert list(less.x) == pytest.approx([0.8, 0.625])
    assert list(less.error_x.array) == pytest.approx([0, 0.125])
    assert "original 45 tokens/s, pruned 58 tokens/s, medians of 2 rounds" in more.customdata[0]
    assert "round" not in less.customdata[0]


def test_look(table: pd.DataFrame) -> None:
    figure = gain_chart(table)
    assert figure.layout.title.text
    assert figure.layout.xaxis.title.text == "pruned / original"
    assert figure.layout.xaxis.range[0] == 0
    assert figure.layout.xaxis.range[1] > 1.4, "the best round is inside"
    assert figure.layout.yaxis.categoryarray[-1] == "parameters", "the first quantity is on top"
    assert [line.x0 for line in figure.layout.shapes] == [1]


def test_nothing_measured_is_said(table: pd.DataFrame) -> None:
    assert gain_chart(table.iloc[:0]).layout.annotations[0].text == "Nothing has been measured yet"
    with pytest.raises(SettingError, match="ratio"):
        gain_chart(table.drop(columns="ratio"))
