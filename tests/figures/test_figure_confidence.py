from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.per_block import OURS, THEIRS, per_block_curves
from avss_core.figures.reliability import IDEAL, reliability_diagram
from avss_core.figures.risk_coverage import risk_coverage


def bins() -> pd.DataFrame:
    rows = [("A", 0.4, 0.45, 0.5, 0.3, 0.7, 10), ("A", 0.2, 0.25, 0.1, 0.0, 0.4, 9), ("B", 0.8, 0.9, 0.7, 0.5, 0.8, 19)]
    columns = ["estimator", "low", "confidence", "accuracy", "accuracy_low", "accuracy_high", "n"]
    return pd.DataFrame(rows, columns=columns).assign(high=lambda frame: frame["low"] + 1 / 15)


def curves() -> pd.DataFrame:
    rows = [(name, k / 4, risk, risk - 0.1, risk + 0.1) for name in "AB" for k, risk in enumerate((0.2, 0.4, 0.5), 1)]
    return pd.DataFrame(rows, columns=["estimator", "coverage", "risk", "risk_low", "risk_high"])


def blocks(**more: float) -> pd.DataFrame:
    table = pd.DataFrame({"block": range(5)})
    for name in ("acc@50", "cov@60", "ece", "brier", *more):
        table[name] = np.linspace(0.1, 0.5, 5)
        table[f"{name}_low"], table[f"{name}_high"] = table[name] - 0.05, table[name] + 0.05
    return table


def test_the_reliability_diagram_has_points_with_intervals_and_counts_under_them() -> None:
    figure = reliability_diagram(bins())
    diagonal, points, counts, other, other_counts = figure.data
    assert (diagonal.name, list(diagonal.x), list(diagonal.y)) == (IDEAL, [0, 1], [0, 1])
    assert (points.name, list(points.x), list(points.y)) == ("A", [0.25, 0.45], [0.1, 0.5])
    np.testing.assert_allclose(points.error_y.array, [0.3, 0.2])
    np.testing.assert_allclose(points.error_y.arrayminus, [0.1, 0.2])
    assert sorted(zip(counts.x, counts.y, strict=True)) == [
        (pytest.approx(0.2 + 1 / 30), 9),
        (pytest.approx(0.4 + 1 / 30), 10),
    ]
    assert (counts.yaxis, points.yaxis) == ("y2", "y")
    assert other.line.dash != points.line.dash
    assert other_counts.marker.pattern.shape != counts.marker.pattern.shape, "bars, too, differ by more than colour"
    assert [trace.showlegend for trace in (points, counts)] == [None, False]
    assert figure.layout.xaxis2.title.text == "confidence (mean of the bin)"
    assert figure.layout.yaxis2.title.text == "answers"


def test_the_risk_curve_has_a_band_and_the_line_of_cov_at_p() -> None:
    figure = risk_coverage(curves(), accuracy=0.6)
    band, line, _, other = figure.data
    np.testing.assert_allclose(line.x, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(line.y, [0.2, 0.4, 0.5])
    np.testing.assert_allclose(band.y, [0.3, 0.5, 0.6, 0.4, 0.3, 0.1])
    assert (line.name, other.name, band.showlegend) == ("A", "B", False)
    (shape,) = figure.layout.shapes
    assert shape.y0 == pytest.approx(0.4)
    assert shape.name == "risk at accuracy 60%"
    assert "wrong" in figure.layout.yaxis.title.text


def test_the_probe_s_metrics_by_block_each_in_its_panel() -> None:
    figure = per_block_curves(blocks())
    headings = [note.text.split("<br>")[0] for note in figure.layout.annotations]
    assert headings == ["acc@50", "cov@60", "ECE", "Brier score"]
    lines = [trace for trace in figure.data if trace.name == OURS]
    assert len(lines) == 4
    assert len({trace.xaxis for trace in lines}) == 4
    np.testing.assert_allclose(lines[2].y, np.linspace(0.1, 0.5, 5))
    assert [trace.showlegend for trace in lines].count(True) == 1
    with_auroc = per_block_curves(blocks(auroc=1))
    assert with_auroc.layout.annotations[4].text.startswith("AUROC")


def test_published_figures_are_stretched_over_our_blocks_and_named_as_theirs() -> None:
    theirs = pd.DataFrame({"depth": [0, 0.5, 1], "number": [1, 12, 24], "acc@50": [0.1, 0.2, 0.3], "cov@50": 0.1})
    figure = per_block_curves(blocks(), theirs, n_blocks=9)
    (line,) = [trace for trace in figure.data if trace.name == THEIRS]  # they have no cov@60
    np.testing.assert_allclose(line.x, [0, 4, 8])
    np.testing.assert_allclose(line.y, [0.1, 0.2, 0.3])
    assert "theirs" in line.name
    assert figure.layout.xaxis.range[1] == pytest.approx(8.6)


def test_empty_tables_say_so_and_missing_columns_are_named() -> None:
    for figure in (
        reliability_diagram(bins().iloc[:0]),
        risk_coverage(curves().iloc[:0]),
        per_block_curves(blocks().iloc[:0]),
    ):
        assert any("yet" in note.text for note in figure.layout.annotations)
    with pytest.raises(SettingError, match="accuracy_low"):
        reliability_diagram(bins().drop(columns="accuracy_low"))
    with pytest.raises(SettingError, match="risk_high"):
        risk_coverage(curves().drop(columns="risk_high"))
    with pytest.raises(SettingError, match="ece"):
        per_block_curves(blocks().drop(columns="ece"))
    with pytest.raises(SettingError, match="cov@"):
        per_block_curves(blocks().drop(columns=["cov@60", "cov@60_low", "cov@60_high"]))
