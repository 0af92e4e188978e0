"""Each estimator by hand on a few answers, and what it cannot say."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from made_up_answers import made_up

from avss_core.errors import SettingError
from avss_core.hallucination.estimators import ESTIMATORS, Evidence, Needs, estimator_named, p_true, verbalised
from avss_core.hallucination.estimators.self_consistency import agreement
from avss_core.hallucination.metrics.auroc import AUROC
from avss_core.hallucination.states import correct_of


def test_sequence_probability_is_the_geometric_mean_over_tokens() -> None:
    frame = pd.DataFrame({"logprobs": [np.log([0.5, 0.5, 0.5]), np.log([0.9, 0.4]), []]})
    found = estimator_named("sequence_probability").estimate(Evidence(frame, np.zeros(3)))
    np.testing.assert_allclose(found, [0.5, math.sqrt(0.36), np.nan])


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ("85%", 0.85), ("about 85 percent, I think", 0.85), ("85", 0.85), ("100%.", 1), ("0", 0), ("0.85", 0.85),
        ("1.0", 1), ("1", 0.01), ("0.9%", 0.009), ("99.5 %", 0.995), (".5", 0.5), ("70-80%", 0.7), ("1,000%", None),
        ("", None), ("very likely", None), ("150%", None), ("-20%", None), ("GPT2", None), ("12000", None),
    ],
)  # fmt: skip
def test_percentages_are_read(said: str, share: float | None) -> None:
    found = verbalised.parse(said)
    assert math.isnan(found) if share is None else found == pytest.approx(share)


def test_agreement_is_counted_after_normalisation() -> None:
    assert agreement("the Eiffel Tower", ["Eiffel tower.", "The Louvre", "eiffel tower", "Eiffel"]) == 0.5
    assert agreement("Paris", ["Paris"]) == 1
    assert agreement("Paris", ["Rome", "Lyon"]) == 0
    assert math.isnan(agreement("", ["", "x"]))


def test_p_ik_reads_the_chosen_block_and_the_last_by_default() -> None:
    frame, labels = made_up(blocks=3, knows=1)
    correct = correct_of(frame, labels)
    p_ik = estimator_named("p_ik")
    knows = p_ik.estimate(Evidence(frame, correct, block=1))
    last = p_ik.estimate(Evidence(frame, correct))
    assert AUROC.value(knows, correct) > 0.9
    np.testing.assert_array_equal(last, p_ik.estimate(Evidence(frame, correct, block=2)))
    assert AUROC.value(last, correct) < 0.75
    with pytest.raises(SettingError, match="blocks 0 to 2"):
        p_ik.estimate(Evidence(frame, correct, block=3))


def test_those_that_need_the_model_say_so_and_read_the_second_asking() -> None:
    frame, labels = made_up(n=12)
    correct = correct_of(frame, labels)
    asked = pd.DataFrame(
        {
            "example": frame["example"],
            "verbalised": ["90%"] * 11 + ["surely"],
            "samples": [[frame["answer"][0].upper(), "no"]] + [["no"]] * 11,
            "p_true": np.linspace(0, 1, 12),
        }
    )
    asking = [one for one in ESTIMATORS if one.needs is Needs.ASKING]
    assert [one.name for one in asking] == ["verbalised", "self_consistency", "p_true"]
    for one in asking:
        assert "asked again" in one.why_not(Evidence(frame, correct))
        assert not one.why_not(Evidence(frame, correct, asked))
        with pytest.raises(SettingError, match="has not been asked"):
            one.estimate(Evidence(frame, correct))
    said, agreed, likely = (one.estimate(Evidence(frame, correct, asked)) for one in asking)
    np.testing.assert_allclose(said, [0.9] * 11 + [np.nan])
    np.testing.assert_allclose(agreed, [0.5] + [0] * 11)
    np.testing.assert_allclose(likely, np.linspace(0, 1, 12))


def test_prompts_end_where_the_model_goes_on_and_hold_question_and_answer() -> None:
    for module in (verbalised, p_true):
        asked = module.prompt(" Who wrote Emma? ", "Jane Austen ")
        assert asked.count("Who wrote Emma?\n") == 1
        assert "nswer: Jane Austen\n" in asked
        assert asked.endswith((":", "?"))
        assert "nswer: (none)\n" in module.prompt("Who?", " ")
    solved = p_true.prompt("Q", "A")
    assert [solved.count(word + "\n") for word in p_true.WORDS] == [2, 2]


def test_every_card_says_what_it_is() -> None:
    names = [one.name for one in ESTIMATORS]
    assert names == ["sequence_probability", "p_ik", "verbalised", "self_consistency", "p_true"]
    assert all(all(one.card()[part] for part in ("what", "paper", "url", "no_number")) for one in ESTIMATORS)
    with pytest.raises(SettingError, match="p_true"):
        estimator_named("p_false")
