from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.heatmap import feature_heatmap, scaled, statistics_heatmap
from avss_core.figures.labels import STATISTICS


def test_scaling_is_linear_within_two_decades() -> None:
    values, logarithmic = scaled([2.0, 4.0, 6.0])
    np.testing.assert_allclose(values, [0, 0.5, 1])
    assert not logarithmic


def test_scaling_takes_the_logarithm_first_beyond_two_decades() -> None:
    values, logarithmic = scaled([1.0, 100.0, 10000.0, 0.0, np.nan])
    np.testing.assert_allclose(values, [0, 0.5, 1, 0, np.nan])
    assert logarithmic


def test_a_constant_statistic_is_neither_low_nor_high() -> None:
    np.testing.assert_allclose(scaled([3.0, 3.0, np.nan])[0], [0.5, 0.5, np.nan])


def test_statistics_are_scaled_and_the_hover_text_has_true_values(scores) -> None:
    table = scores(8, growth=2.0)
    figure = statistics_heatmap(table, ["variance", "sparsity"])
    (heat,) = figure.data
    logs = np.log10(table["variance"])
    np.testing.assert_allclose(heat.z[0], (logs - logs.min()) / (logs.max() - logs.min()))
    np.testing.assert_allclose(heat.customdata[0], table["variance"])
    assert "%{customdata" in heat.hovertemplate
    assert "block %{x}" in heat.hovertemplate
    assert heat.y[0] == "Variance σ² (log)"
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert figure.layout.yaxis.autorange == "reversed", "the first statistic stands on top"


def test_all_statistics_of_the_table_by_default(scores) -> None:
    table = scores(5).drop(columns="frobenius")
    assert len(statistics_heatmap(table).data[0].y) == len(STATISTICS) - 1


def test_gaps_go_when_blocks_are_many(scores) -> None:
    assert statistics_heatmap(scores(30), ["l2"]).data[0].xgap == 1
    assert statistics_heatmap(scores(48, growth=1.1), ["l2"]).data[0].xgap == 0


def features(values: np.ndarray) -> pd.DataFrame:
    block, feature = np.indices(values.shape)
    return pd.DataFrame({"block": block.ravel(), "feature": feature.ravel(), "variance": values.ravel()})


def test_features_by_block_with_pairs_that_are_missing() -> None:
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    frame = features(values).drop(index=4)
    figure = feature_heatmap(frame, "variance")
    (heat,) = figure.data
    np.testing.assert_allclose(heat.z, [[1, 2, 3], [4, np.nan, 6]])
    assert (list(heat.y), list(heat.x)) == ([0, 1], [0, 1, 2])
    assert figure.layout.xaxis.title.text == "feature"
    assert figure.layout.yaxis.title.text == "block"
    assert heat.colorbar.title.text == "Variance σ² (activation²)"


def test_features_that_span_decades_are_coloured_by_their_logarithm() -> None:
    (heat,) = feature_heatmap(features(np.array([[1e-3, 1.0], [1e3, 0.0]])), "variance").data
    np.testing.assert_allclose(heat.z, [[-3, 0], [3, -3]])
    np.testing.assert_allclose(heat.customdata, [[1e-3, 1], [1e3, 0]])
    assert "10<sup>3</sup>" in heat.colorbar.ticktext


def test_missing_columns_are_named(scores) -> None:
    with pytest.raises(SettingError, match="feature"):
        feature_heatmap(scores(3), "variance")
    with pytest.raises(SettingError, match="l2"):
        statistics_heatmap(scores(3).drop(columns="l2"), ["l2"])
