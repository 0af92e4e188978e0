from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.agreement import ablation_scatter, agreement_matrix, rank_heatmap


def test_each_point_is_labelled_with_its_block() -> None:
    points = pd.DataFrame({"block": [4, 7, 9], "score": [0.1, 0.2, 0.3], "ablation": [1.0, -0.1, 2.0]})
    agreement = {"spearman": -0.5, "spearman_low": -1.0, "spearman_high": 0.25, "kendall": 1 / 3, "kendall_low": None}
    figure = ablation_scatter(points, "AVSS", agreement=agreement)
    (dots,) = figure.data
    assert list(dots.text) == ["4", "7", "9"]
    assert "text" in dots.mode
    assert list(dots.x) == [0.1, 0.2, 0.3]
    assert list(dots.y) == [1.0, -0.1, 2.0]
    assert "block %{customdata}" in dots.hovertemplate
    heading, note = figure.layout.title.text.split("<br>")
    assert heading == "AVSS against single-block ablation"
    assert "Spearman ρ = −0.50 (95 %: −1.00 to 0.25); Kendall τ = 0.33<" in note
    undefined = ablation_scatter(points, "AVSS", agreement={"spearman": float("nan"), "kendall": None})
    assert undefined.layout.title.text == heading
    assert figure.layout.xaxis.title.text == "AVSS score"
    assert "nats per token" in figure.layout.yaxis.title.text


def test_each_axis_of_the_scatter_chooses_for_itself_and_loses_no_point() -> None:
    points = pd.DataFrame({"block": [0, 1, 2], "score": [1e-4, 1.0, 50.0], "ablation": [1e-3, 0.0, 2.0]})
    layout = ablation_scatter(points, "AVSS").layout
    assert layout.xaxis.type == "log"
    assert layout.yaxis.type == "linear", "a block whose removal changes nothing must stay in the picture"


def test_the_matrix_is_symmetric_with_ones_on_its_diagonal() -> None:
    pairs = pd.DataFrame(
        {"a": ["avss", "avss", "bi"], "b": ["bi", "cim", "cim"], "spearman": [0.2, -0.4, 0.9],
         "spearman_low": [0.1, -0.6, 0.8], "spearman_high": [0.3, -0.2, 0.95]}
    )  # fmt: skip
    figure = agreement_matrix(pairs)
    (heat,) = figure.data
    assert list(heat.x) == list(heat.y) == ["avss", "bi", "cim"]
    np.testing.assert_allclose(heat.z, [[1, 0.2, -0.4], [0.2, 1, 0.9], [-0.4, 0.9, 1]])
    assert (heat.zmin, heat.zmax) == (-1, 1)
    assert heat.customdata[0][1] == "avss with bi<br>95 %: 0.10 to 0.30"
    assert heat.customdata[1][0].endswith("0.10 to 0.30")
    assert heat.customdata[0][0] == "avss with avss"


def test_a_pair_that_was_not_measured_stays_empty() -> None:
    pairs = pd.DataFrame({"a": ["x", "y"], "b": ["y", "z"], "kendall": [0.5, 0.1]})
    assert np.isnan(agreement_matrix(pairs, "kendall").data[0].z[0][2])


def test_another_measure_is_refused() -> None:
    with pytest.raises(SettingError, match="'pearson'; choose one of spearman, kendall"):
        agreement_matrix(pd.DataFrame({"a": [], "b": [], "pearson": []}), "pearson")


def test_ranks_by_method_with_the_first_brightest() -> None:
    ranks = pd.DataFrame(
        {"block": [0, 1, 2, 2, 1, 0], "method": ["b"] * 3 + ["a"] * 3, "rank": [1, 2, 3, 1, 2, 3],
         "score": [0.9, 0.5, 0.1, 7.0, 8.0, 9.0]}
    )  # fmt: skip
    figure = rank_heatmap(ranks)
    (heat,) = figure.data
    assert list(heat.y) == ["b", "a"]
    np.testing.assert_array_equal(heat.z, [[1, 2, 3], [3, 2, 1]])
    np.testing.assert_array_equal(heat.customdata, [[0.9, 0.5, 0.1], [9, 8, 7]])
    assert heat.reversescale
    assert "block %{x}, %{y}" in heat.hovertemplate
    assert list(heat.colorbar.tickvals) == [1, 2, 3]
    assert heat.colorbar.title.text == "rank (1 = most important)"
    assert rank_heatmap(ranks, first="highest HCS").data[0].colorbar.title.text == "rank (1 = highest HCS)"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("block", "method")
