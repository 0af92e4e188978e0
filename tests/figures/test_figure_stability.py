"""The stability curve shows what it is given, and where a profile may stop."""

from __future__ import annotations

import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.stability import stability_curve


def test_points_and_line() -> None:
    frame = pd.DataFrame({"shards": [5, 4, 3], "stability": [0.97, 0.4, float("nan")]})
    figure = stability_curve(frame)
    assert list(figure.data[0].x) == [4, 5]
    assert list(figure.data[0].y) == [0.4, 0.97]
    assert figure.layout.shapes[0].y0 == 0.95
    assert "resamples" in figure.layout.yaxis.title.text


def test_nothing_yet_is_said() -> None:
    figure = stability_curve(pd.DataFrame({"shards": [1], "stability": [float("nan")]}))
    assert "Fewer than 4 shards" in figure.layout.annotations[0].text
    with pytest.raises(SettingError):
        stability_curve(pd.DataFrame({"shards": [1]}))
