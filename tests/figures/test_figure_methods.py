"""Methods side by side: overlap of what goes first, scores as small multiples, quality against cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.multiples import score_multiples
from avss_core.figures.overlap import overlap_matrix
from avss_core.figures.pareto import pareto_figure, pareto_methods

POINTS = pd.DataFrame(
    {
        "method": ["free", "cheap", "poor", "dear", "worst"],
        "cost": [0.0, 1.0, 2.0, 100.0, 100.0],
        "quality": [0.1, 0.5, 0.4, 0.9, float("nan")],
        "low": [0.0, 0.3, 0.2, 0.8, float("nan")],
        "high": [0.2, 0.7, 0.6, 0.95, float("nan")],
    }
)


def test_overlap_is_symmetric_and_names_what_chance_gives() -> None:
    pairs = pd.DataFrame({"a": ["x", "x", "y"], "b": ["y", "z", "z"], "shared": [3, 0, 1]})
    figure = overlap_matrix(pairs, 4, 20)
    (heat,) = figure.data
    np.testing.assert_array_equal(heat.z, [[4, 3, 0], [3, 4, 1], [0, 1, 4]])
    assert (heat.zmin, heat.zmax) == (0, 4)
    assert "by chance 0.8" in figure.layout.title.text


def test_overlap_of_more_blocks_than_there_are_is_refused() -> None:
    with pytest.raises(SettingError, match="from 1 to 20, not 21"):
        overlap_matrix(pd.DataFrame({"a": ["x"], "b": ["y"], "shared": [3]}), 21, 20)


def test_a_method_is_on_the_front_when_no_other_is_cheaper_and_better() -> None:
    assert pareto_methods(POINTS, higher_is_better=True) == ["free", "cheap", "dear"]
    assert pareto_methods(POINTS, higher_is_better=False) == ["free"]


def test_equals_do_not_beat_each_other() -> None:
    twins = pd.DataFrame({"method": ["a", "b"], "cost": [1.0, 1.0], "quality": [0.5, 0.5]})
    assert pareto_methods(twins, higher_is_better=True) == ["a", "b"]


def test_every_known_method_is_a_labelled_point_with_its_interval() -> None:
    figure = pareto_figure(POINTS.dropna(), "seconds", "ρ")
    line, front, beaten = figure.data
    assert list(line.x) == [0.0, 1.0, 100.0]
    assert list(front.text) == ["free", "cheap", "dear"]
    assert list(beaten.text) == ["poor"]
    np.testing.assert_allclose(front.error_y.array, [0.1, 0.2, 0.05])
    np.testing.assert_allclose(front.error_y.arrayminus, [0.1, 0.2, 0.1])
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("seconds", "ρ")


def test_each_method_has_its_own_plot_axis_and_band() -> None:
    scores = pd.DataFrame(
        {
            "block": [0, 1, 2] * 2,
            "method": ["avss"] * 3 + ["cim"] * 3,
            "score": [1.0, 10.0, 1e4, 0.1, 0.2, 0.3],
            "low": [0.5, 9.0, 9e3, None, None, None],
            "high": [2.0, 11.0, 2e4, None, None, None],
        }
    )
    figure = score_multiples(scores, {"avss": "σ²", "cim": "nats"})
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines["avss"].y) == [1.0, 10.0, 1e4]
    assert lines["avss"].yaxis != lines["cim"].yaxis
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis2.type == "linear"
    assert sum(trace.fill == "tonexty" for trace in figure.data) == 1
    assert "σ²" in figure.layout.annotations[0].text


def test_the_spread_is_a_bar_about_the_score_that_ends_at_zero() -> None:
    scores = pd.DataFrame(
        {
            "block": [0, 1] * 2,
            "method": ["avss"] * 2 + ["cim"] * 2,
            "score": [1.0, 2.0, 0.3, 0.2],
            "spread": [None, None, 0.1, 0.5],
        }
    )
    lines = {trace.name: trace for trace in score_multiples(scores, {}).data if trace.name}
    assert lines["avss"].error_y.array is None
    np.testing.assert_allclose(lines["cim"].error_y.array, [0.1, 0.5])
    np.testing.assert_allclose(lines["cim"].error_y.arrayminus, [0.1, 0.2])
    below_zero = score_multiples(scores.assign(score=[1.0, 2.0, -0.3, 0.2]), {}).data[-1]
    np.testing.assert_allclose(below_zero.error_y.arrayminus, [0.1, 0.5])


def test_no_scores_are_refused() -> None:
    with pytest.raises(SettingError, match="choose at least one method"):
        score_multiples(pd.DataFrame({"block": [], "method": [], "score": []}), {})
