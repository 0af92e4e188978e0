from __future__ import annotations

import math

import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.table1 import table1_figure

COLUMNS = ["whose", "model", "task", "data_set", "metric", "higher_is_better", "method", "value", "low", "high"]
COLUMNS += ["retained", "retained_low", "retained_high"]
NAN = math.nan
CELLS = pd.DataFrame(
    [
        ("ours", "tiny", "sentiment", "sample", "accuracy", True, "original", 0.9, NAN, NAN, 1.0, NAN, NAN),
        ("ours", "tiny", "sentiment", "sample", "accuracy", True, "avss", 0.6, 0.5, 0.7, 0.667, 0.556, 0.778),
        ("ours", "tiny", "sentiment", "sample", "accuracy", True, "cim", NAN, NAN, NAN, NAN, NAN, NAN),
        ("theirs", "big", "sentiment", "SST-2", "accuracy", True, "original", 0.92, NAN, NAN, 1.0, NAN, NAN),
        ("theirs", "big", "sentiment", "SST-2", "accuracy", True, "avss", 0.88, NAN, NAN, 0.957, NAN, NAN),
        ("ours", "tiny", "perplexity", "essays", "perplexity", False, "avss", 900.0, 600.0, 1500.0, 0.03, 0.01, 0.05),
        ("ours", "tiny", "perplexity", "essays", "perplexity", False, "gbis", 40.0, 30.0, 50.0, 0.7, 0.6, 0.9),
        ("ours", "tiny", "perplexity", "essays", "perplexity", False, "random", 9e6, 8e5, 1e8, 3e-6, 2e-7, 3e-5),
    ],
    columns=COLUMNS,
)


def test_ours_are_filled_with_intervals_and_theirs_hollow_without() -> None:
    figure = table1_figure(CELLS)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ["tiny, sample", "big, SST-2 (theirs)", "tiny, essays"]
    ours, theirs = traces["tiny, sample"], traces["big, SST-2 (theirs)"]
    assert not ours.marker.symbol.endswith("-open")
    assert theirs.marker.symbol.endswith("-open")
    assert (ours.error_y.array[0], ours.error_y.arrayminus[0]) == pytest.approx((0.111, 0.111))
    assert theirs.error_y.array is None
    assert "the paper's figure" in theirs.customdata[0]
    assert list(ours.y) == [0.667], "the whole model is where nothing is lost, and what is not there is left out"


def test_each_task_has_its_plot_and_decades_their_logarithm() -> None:
    figure = table1_figure(CELLS)
    assert (figure.layout.yaxis.type, figure.layout.yaxis2.type) == ("linear", "log")
    assert list(figure.layout.xaxis.ticktext) == ["avss", "gbis", "random"]
    near, far = figure.data[0].x[0], figure.data[1].x[0]
    assert near < 0 < far, "rows stand side by side"
    assert abs(near) < 0.5


def test_the_metric_itself_has_the_whole_model_beside_it() -> None:
    figure = table1_figure(CELLS, "value")
    assert list(figure.data[0].y) == [0.9, 0.6]
    assert "lower is better" in " ".join(note.text for note in figure.layout.annotations)


def test_what_is_not_there_is_said() -> None:
    assert "Nothing" in table1_figure(CELLS.iloc[:0]).layout.annotations[0].text
    with pytest.raises(SettingError, match="needs the column retained_low"):
        table1_figure(CELLS.drop(columns="retained_low"))
