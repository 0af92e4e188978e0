from __future__ import annotations

import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.losses import CONTROL, PRUNED, loss_curve

ROWS = pd.DataFrame(
    {
        "number": [1, 2, 3],
        "tokens": [10, 20, 30],
        "pruned_next_token": [3.0, 2.5, 2.0],
        "control_next_token": [2.0, 1.5, 1.0],
        "pruned_logits": [0.5, 0.25, 0.125],
        "control_logits": [float("nan")] * 3,
    }
)


def test_both_models_against_the_step() -> None:
    figure = loss_curve(ROWS, steps=10)
    assert [trace.name for trace in figure.data] == [PRUNED, CONTROL]
    assert list(figure.data[0].x) == [1, 2, 3]
    assert list(figure.data[1].y) == [2.0, 1.5, 1.0]
    assert list(figure.layout.xaxis.range) == [0.5, 10.5]
    assert "nats" in figure.layout.yaxis.title.text


def test_a_part_that_one_of_them_does_not_have() -> None:
    figure = loss_curve(ROWS, "logits")
    assert [trace.name for trace in figure.data] == [PRUNED]
    assert "KL" in figure.layout.yaxis.title.text
    with pytest.raises(SettingError, match="pruned_states"):
        loss_curve(ROWS, "states")


def test_nothing_yet_is_said() -> None:
    assert "No step" in loss_curve(pd.DataFrame(), steps=4).layout.annotations[0].text
