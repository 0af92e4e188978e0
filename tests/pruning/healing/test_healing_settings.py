from __future__ import annotations

import json
import math

import pytest

from avss_core.errors import SettingError
from avss_core.pruning.healing import LinearSettings, TrainingSettings


@pytest.mark.parametrize("settings", [LinearSettings((1.0, 0.5), 0.3, False), TrainingSettings(5, teacher="control")])
def test_there_and_back_as_json(settings: LinearSettings | TrainingSettings) -> None:
    assert type(settings).from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize("shrinkages", [(), (0.0,), (1.0, -1.0), (math.nan,)])
def test_a_shrinkage_that_is_none(shrinkages: tuple[float, ...]) -> None:
    with pytest.raises(SettingError, match="above 0"):
        LinearSettings(shrinkages)


@pytest.mark.parametrize("share", [0.0, 1.0, math.nan])
def test_some_documents_judge_and_some_are_fitted(share: float) -> None:
    with pytest.raises(SettingError, match="held out"):
        LinearSettings(held_out=share)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"steps": 0}, "steps"),
        ({"sequences": 0}, "sequences"),
        ({"rank": 0}, "rank"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"seed": 2**63}, "seed must be 0 or more and below"),
        ({"next_token": -1.0}, "weights"),
        ({"logits": math.inf}, "weights"),
        ({"next_token": 0.0}, "nothing would be learned"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"learning_rate": 2.0}, "learning rate"),
        ({"alpha": 0}, "Alpha"),
        ({"warm_up": 1.5}, "warm up"),
        ({"teacher": "nobody"}, "teacher"),
        ({"teacher": "control", "logits": 1.0, "next_token": 0.0}, "control"),
        ({"teacher": "control", "logits": 1.0, "control": False}, "control"),
    ],
)
def test_what_training_cannot_be_asked(changes: dict[str, object], word: str) -> None:
    with pytest.raises(SettingError, match=word):
        TrainingSettings.from_dict(changes)


def test_a_control_that_learns_from_its_own_answers_alone_is_not_trained() -> None:
    assert not TrainingSettings(next_token=0.0, logits=1.0).trains_control
    assert TrainingSettings(logits=1.0).trains_control


def test_the_learning_rate_rises_and_falls_to_almost_nothing() -> None:
    settings = TrainingSettings(steps=10, learning_rate=1.0, warm_up=0.2)
    rates = [settings.learning_rate_at(step) for step in range(10)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])


def test_a_single_step_has_the_full_rate() -> None:
    assert TrainingSettings(steps=1, learning_rate=0.5).learning_rate_at(0) == 0.5
