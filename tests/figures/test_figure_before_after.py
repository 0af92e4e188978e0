from __future__ import annotations

import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.before_after import before_after

COLUMNS = ["state", "task", "metric", "value", "low", "high", "n"]


def table(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


PERPLEXITY = (
    ("before", "essays", "perplexity", 25.0, 22.0, 29.0, 40),
    ("after", "essays", "perplexity", 60.0, 52.0, 70.0, 40),
)
ACCURACY = (("before", "sst", "accuracy", 0.9, 0.85, 0.93, 200), ("after", "sst", "accuracy", 0.7, 0.64, 0.75, 200))


def test_values_and_intervals_in_the_order_they_come() -> None:
    figure = before_after(table(*PERPLEXITY))
    before, after = figure.data
    assert (list(before.x), list(before.y)) == (["before"], [25.0])
    assert (after.error_y.array[0], after.error_y.arrayminus[0]) == (10.0, 8.0)
    assert list(figure.layout.xaxis.categoryarray) == ["before", "after"]
    assert before.marker.color != after.marker.color
    assert before.marker.symbol != after.marker.symbol
    assert "n = 40" in before.hovertemplate
    assert after.text == ("60",)


def test_each_metric_has_its_own_axis() -> None:
    figure = before_after(table(*PERPLEXITY, *ACCURACY))
    assert [note.text.split("<br>")[0] for note in figure.layout.annotations] == ["essays", "sst"]
    assert "perplexity" in figure.layout.annotations[0].text
    assert {trace.yaxis for trace in figure.data} == {"y", "y2"}


def test_only_the_metric_that_spans_decades_is_logarithmic() -> None:
    collapsed = ("after", "essays", "perplexity", 9000.0, 8000.0, 9900.0, 40)
    figure = before_after(table(PERPLEXITY[0], collapsed, *ACCURACY))
    assert (figure.layout.yaxis.type, figure.layout.yaxis2.type) == ("log", "linear")
    assert figure.data[1].text == ("9,000",)
    assert "95 %: 8,000 to 9,900" in figure.data[1].hovertemplate
    assert before_after(table(PERPLEXITY[0], collapsed), log=False).layout.yaxis.type == "linear"


def test_the_number_of_documents_is_optional_and_the_rest_is_not() -> None:
    assert "n = " not in before_after(table(*PERPLEXITY).drop(columns="n")).data[0].hovertemplate
    with pytest.raises(SettingError, match="needs the columns low, high"):
        before_after(table(*PERPLEXITY).drop(columns=["low", "high"]))


def test_a_single_document_has_no_interval() -> None:
    rows = [
        (state, "essays", "perplexity", value, None, None, 1) for state, value in (("before", 25.0), ("after", 6e4))
    ]
    figure = before_after(table(*rows))
    assert [list(trace.y) for trace in figure.data] == [[25.0], [6e4]]
    assert "no interval" in figure.data[1].hovertemplate
    assert figure.layout.yaxis.type == "log"


def test_nothing_evaluated_says_so() -> None:
    assert "Nothing" in before_after(table()).layout.annotations[0].text
