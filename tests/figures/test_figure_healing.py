from __future__ import annotations

import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.healing import AIM, apart_chart, healed_bars

NAN = float("nan")
TABLE = pd.DataFrame(
    [
        ("unpruned", 20.0, 19.0, 21.0, 12, "", NAN, NAN, NAN),
        ("pruned", 80.0, 70.0, 95.0, 12, "unpruned", 4.0, 3.5, 4.5),
        ("pruned + training", 24.0, 22.0, 26.0, 12, "unpruned + same training", 1.6, 1.5, 1.8),
        ("unpruned + same training", 15.0, 14.0, 16.0, 12, "", NAN, NAN, NAN),
    ],
    columns=["network", "value", "low", "high", "documents", "beside", "apart", "apart_low", "apart_high"],
)


def test_a_bar_with_its_interval_for_every_network() -> None:
    (bars,) = healed_bars(TABLE).data
    assert [name.replace("<br>", " ") for name in bars.x] == TABLE["network"].tolist()
    assert list(bars.y) == [20.0, 80.0, 24.0, 15.0]
    assert list(bars.error_y.array) == [1.0, 15.0, 2.0, 1.0]
    assert list(bars.error_y.arrayminus) == [1.0, 10.0, 2.0, 1.0]
    assert healed_bars(TABLE).layout.yaxis.type == "linear"
    assert healed_bars(TABLE.replace({80.0: 8000.0})).layout.yaxis.type == "log"


def test_the_title_says_what_they_are_judged_on() -> None:
    assert healed_bars(TABLE).layout.title.text == "Perplexity on held-out text"
    assert healed_bars(TABLE, text="all documents").layout.title.text == "Perplexity on all documents"


def test_ratios_beside_the_papers_line() -> None:
    figure = apart_chart(TABLE)
    names = [trace.y[0].replace("<br>", " ").replace("<i>beside</i>", "beside") for trace in figure.data]
    assert names == ["pruned + training beside unpruned + same training", "pruned beside unpruned"]
    (trained, pruned) = figure.data
    assert (trained.x[0], trained.error_x.array[0], trained.error_x.arrayminus[0]) == pytest.approx((1.6, 0.2, 0.1))
    assert (pruned.x[0], pruned.error_x.array[0], pruned.error_x.arrayminus[0]) == pytest.approx((4.0, 0.5, 0.5))
    assert [line.x0 for line in figure.layout.shapes] == pytest.approx([1.0, 1 / 0.9])
    assert pytest.approx(1.111, abs=1e-3) == AIM


def test_a_point_without_an_interval_is_in_the_picture() -> None:
    figure = apart_chart(TABLE.assign(apart_low=NAN, apart_high=NAN))
    low, high = figure.layout.xaxis.range
    assert low < 1.6 < 4.0 < high
    assert "no interval" in figure.data[0].hovertemplate


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SettingError, match="apart_low"):
        apart_chart(TABLE.drop(columns="apart_low"))
    with pytest.raises(SettingError, match="documents"):
        healed_bars(TABLE.drop(columns="documents"))
    assert "Nothing" in apart_chart(TABLE.iloc[:1]).layout.annotations[-1].text
