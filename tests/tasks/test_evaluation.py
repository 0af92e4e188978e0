from __future__ import annotations

import json
import math

import pytest

from avss_core.errors import SettingError
from avss_core.tasks import Evaluation, retained
from avss_core.tasks.evaluation import require_something_to_retain


def perplexity(value: float, low: float = math.nan, high: float = math.nan) -> Evaluation:
    return Evaluation("perplexity", "perplexity", value, low, high, n=3, higher_is_better=False)


def accuracy(value: float) -> Evaluation:
    return Evaluation("sentiment", "accuracy", value, value, value, n=3, higher_is_better=True)


def test_retained_performance_goes_by_the_metrics_direction() -> None:
    assert retained(perplexity(20.0), perplexity(25.0)) == pytest.approx(0.8)
    assert retained(accuracy(0.5), accuracy(0.4)) == pytest.approx(0.8)
    assert retained(perplexity(20.0), perplexity(10.0)) == pytest.approx(2.0)


def test_nothing_to_retain_is_not_a_number() -> None:
    assert math.isnan(retained(accuracy(0.0), accuracy(0.3)))
    assert retained(perplexity(20.0), perplexity(math.inf)) == 0.0


def test_something_to_retain_is_required_in_words() -> None:
    require_something_to_retain(accuracy(0.1))
    require_something_to_retain(perplexity(1e300))
    with pytest.raises(SettingError, match=r"The accuracy of the unpruned model \(sentiment\) is 0 here"):
        require_something_to_retain(accuracy(0.0))
    with pytest.raises(SettingError, match="is inf here"):
        require_something_to_retain(perplexity(math.inf))


def test_different_tasks_are_not_compared() -> None:
    with pytest.raises(SettingError, match=r"perplexity.*sentiment"):
        retained(perplexity(20.0), accuracy(0.5))


def test_the_dictionary_is_valid_json() -> None:
    assert json.loads(json.dumps(perplexity(20.0, 18.5, 22.0).to_dict(), allow_nan=False)) == {
        "task": "perplexity",
        "metric": "perplexity",
        "value": 20.0,
        "low": 18.5,
        "high": 22.0,
        "n": 3,
    }
    without = json.loads(json.dumps(perplexity(math.inf).to_dict(), allow_nan=False))
    assert [without[key] for key in ("value", "low", "high")] == [None, None, None]
