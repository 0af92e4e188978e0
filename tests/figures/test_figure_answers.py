from __future__ import annotations

import math

import pandas as pd
import pytest

from avss_core.errors import SettingError
from avss_core.figures.answers import BINS, answer_probabilities


def test_answers_are_counted_by_label_and_probability() -> None:
    table = pd.DataFrame(
        {
            "label": ["truthful", "truthful", "hallucinated", "hallucinated", "hallucinated"],
            "probability": [0.99, 1.0, 0.01, 0.06, math.nan],
        }
    )
    figure = answer_probabilities(table)
    truthful, made_up = figure.data
    assert [trace.name for trace in figure.data] == ["truthful answers", "made-up answers"]
    assert list(truthful.y) == [0] * (BINS - 1) + [2], "1 is in the last bin"
    assert list(made_up.y) == [1, 1] + [0] * (BINS - 2), "an answer without a token is left out"
    assert list(made_up.customdata[1]) == pytest.approx([0.05, 0.1])


def test_no_answer_with_a_token() -> None:
    figure = answer_probabilities(pd.DataFrame({"label": ["hallucinated"], "probability": [math.nan]}))
    assert figure.layout.annotations[0].text == "No answer has a token"
    with pytest.raises(SettingError, match="probability"):
        answer_probabilities(pd.DataFrame({"label": []}))
