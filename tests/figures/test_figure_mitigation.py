from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.mitigation import contrast_losses, mitigation_effect

CURVE = pd.DataFrame({"number": [1, 2], "contrast": [2.0, 1.5], "language": [3.0, 2.9], "margin": [0.1, 0.2]})


def test_every_training_is_a_line_in_every_plot_and_one_entry_in_the_legend() -> None:
    figure = contrast_losses({"highest": CURVE, "random": CURVE.iloc[:1], "lowest": CURVE.iloc[:0]}, 40)
    assert [trace.name for trace in figure.data] == ["highest"] * 3 + ["random"] * 3
    assert sum(trace.showlegend for trace in figure.data) == 2
    assert [list(trace.y) for trace in figure.data[:3]] == [[2.0, 1.5], [3.0, 2.9], [0.1, 0.2]]
    assert list(figure.layout.xaxis2.range) == [0.5, 40.5]


def test_a_missing_curve_is_told() -> None:
    with pytest.raises(SettingError, match="margin"):
        contrast_losses({"highest": CURVE.drop(columns="margin")}, 40)


def test_effects_are_points_in_percent_with_their_intervals() -> None:
    rows = pd.DataFrame({"training": ["a", "b"], "change": [-0.1, 0.02], "low": [-0.2, -0.01], "high": [-0.05, 0.04]})
    (dots,) = mitigation_effect(rows).data
    np.testing.assert_allclose(dots.x, [-10, 2])
    np.testing.assert_allclose(dots.error_x.arrayminus, [10, 3])
    np.testing.assert_allclose(dots.error_x.array, [5, 2])
    assert list(dots.y) == ["a", "b"]


def test_no_training_is_said_in_words() -> None:
    figure = mitigation_effect(pd.DataFrame({"training": [], "change": [], "low": [], "high": []}))
    assert figure.layout.annotations[0].text == "No training has finished yet"
