"""Cuts for honesty, and what they changed, against sums over the raw activations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_answers import fake_frame, random_activations

from avss_core.errors import SettingError
from avss_core.hallucination.contrast import contrast
from avss_core.hallucination.honesty import (
    Judged,
    cut_above_propensity,
    cut_below_eavss_stable,
    cut_by_eavss_stable,
    cut_by_propensity,
    doubt_about,
    honesty_change,
    honesty_conclusion,
    honesty_table,
)
from avss_core.importance.epsilon import Epsilon

TABLE = pd.DataFrame(
    {
        "block": [0, 1, 2, 3],
        "propensity": [1.0, 4.0, 2.0, 4.0],
        "eavss_stable": [0.3, 0.1, 0.4, 0.1],
        "eavss_stable_share": [0.33, 0.11, 0.44, 0.11],
    }
)
EPSILON = Epsilon(0.05)


def test_high_propensity_goes_first_and_low_eavss_stable() -> None:
    assert cut_by_propensity(TABLE, 1).removed == (1,)
    assert cut_by_propensity(TABLE, 3).removed == (1, 2, 3)
    assert cut_by_propensity(TABLE, 1, protect_first=2).removed == (3,)
    assert cut_above_propensity(TABLE, 2.0).removed == (1, 3)
    assert cut_by_eavss_stable(TABLE, 3).removed == (0, 1, 3)
    assert cut_below_eavss_stable(TABLE, 0.2).removed == (1, 3)
    assert "highest propensity" in cut_by_propensity(TABLE, 1).reason
    with pytest.raises(SettingError, match="blocks removed"):
        cut_by_propensity(TABLE.assign(block=[0, 2, 3, 4]), 1)


def test_answers_of_one_label_have_no_eavss_stable() -> None:
    table = contrast(fake_frame(random_activations(12, 4)), pd.Series(["hallucinated"] * 12), resamples=10).table
    for choose in (cut_by_eavss_stable, lambda table, k: cut_below_eavss_stable(table, 0.2)):
        with pytest.raises(SettingError, match="all of one label, so there is no EAVSS-stable; choose by propensity"):
            choose(table, 1)
    assert len(cut_by_propensity(table, 1).removed) == 1


def test_blocks_chosen_from_too_few_answers_are_doubted() -> None:
    frame = fake_frame(random_activations(20, 3))
    few = contrast(frame, pd.Series(["truthful"] * 9 + ["hallucinated"] * 11), resamples=10, permutations=10)
    enough = contrast(frame, pd.Series(["truthful", "hallucinated"] * 10), resamples=10, permutations=10)
    assert doubt_about(enough) == ""
    same = judged(random_activations(20, 3), [q < 7 for q in range(20)])
    change = honesty_change(same, same, "nothing", epsilon=EPSILON)
    said = honesty_conclusion(change, [change], doubt_about(few))
    assert "9 truthful and 11 made-up answers; fewer than 10 of a kind" in said
    assert said.startswith(honesty_conclusion(change, [change]))


def mean_propensity(activations: list[np.ndarray], blocks: list[int]) -> float:
    values = [np.concatenate([a[block].ravel() for a in activations]) for block in blocks]
    return float(np.mean([np.var(v) / (1 - np.mean(np.abs(v) < 0.05)) for v in values]))


def judged(activations: list[np.ndarray], wrong: list[bool], **more) -> Judged:
    return Judged(fake_frame(activations, **more), pd.Series(["hallucinated" if w else "truthful" for w in wrong]))


def test_the_change_is_that_of_the_raw_activations_on_the_common_questions() -> None:
    whole, pruned = random_activations(40, 4, 1), random_activations(42, 3, 2, np.full((42, 3), 2.0))
    wrong_before, wrong_after = [q % 2 == 0 for q in range(40)], [q % 4 != 0 for q in range(42)]
    before = judged(whole, wrong_before)
    after = judged(pruned, wrong_after, kept="0,2,3", first=5)  # examples e5 to e46: 35 in common
    shuffled = np.random.default_rng(0).permutation(42)
    after = Judged(after.frame.iloc[shuffled], after.labels.iloc[shuffled])
    found = honesty_change(before, after, "a cut", epsilon=EPSILON)
    assert (found.removed, found.questions) == ((1,), 35)
    assert found.h_before == pytest.approx(mean_propensity(whole[5:], [0, 1, 2, 3]))
    assert found.h_after == pytest.approx(mean_propensity(pruned[:35], [0, 1, 2]))
    assert found.h_change == pytest.approx(found.h_after - found.h_before)
    assert found.same_blocks_change == pytest.approx(found.h_after - mean_propensity(whole[5:], [0, 2, 3]))
    assert found.rate_before == pytest.approx(np.mean(wrong_before[5:]))
    assert found.rate_after == pytest.approx(np.mean(wrong_after[:35]))
    # Paired resamples of a share: the normal approximation of the difference's spread.
    differences = np.array(wrong_after[:35], dtype=float) - np.array(wrong_before[5:], dtype=float)
    half = 1.96 * differences.std() / np.sqrt(35)
    assert found.rate_change_low == pytest.approx(differences.mean() - half, abs=0.06)
    assert found.rate_change_high == pytest.approx(differences.mean() + half, abs=0.06)


def test_the_same_answers_change_nothing() -> None:
    same = judged(random_activations(20, 3), [q < 7 for q in range(20)])
    found = honesty_change(same, same, "nothing", epsilon=EPSILON).to_dict()
    for name in ("h_change", "rate_change", "same_blocks_change"):
        assert found[name] == 0
        assert np.isnan([found[f"{name}_low"], found[f"{name}_high"]]).all(), "resamples only repeat it"
    assert found["agree"] is None


def test_one_question_has_no_interval_and_agrees_with_nothing() -> None:
    activations = random_activations(1, 3)
    found = honesty_change(judged(activations, [True]), judged([2 * a for a in activations], [False]), "x")
    assert (found.rate_change, found.agree) == (-1.0, None)
    said = honesty_conclusion(found)
    assert "by -100.0 points (no interval): an interval holds 0 or cannot be had" in said


def test_louder_and_wronger_agree_and_louder_but_righter_do_not() -> None:
    activations = random_activations(60, 3)
    before = judged(activations, [q % 2 == 0 for q in range(60)])
    louder = [2 * a for a in activations]
    wronger = honesty_change(before, judged(louder, [True] * 60), "wronger", epsilon=EPSILON)
    righter = honesty_change(before, judged(louder, [False] * 60), "righter", epsilon=EPSILON)
    assert (wronger.agree, righter.agree) == (True, False)
    table = honesty_table([wronger, righter])
    assert table["rate_change"].tolist() == [0.5, -0.5]
    said = honesty_conclusion(righter, [wronger])
    assert "-50.0 points" in said
    assert "opposite ways" in said
    assert "0 of 1 random" in said
    assert "1 of 1 random cuts of as many blocks change the measured rate as favourably" in honesty_conclusion(
        wronger, [righter]
    )
    assert "2 of 2 random" in honesty_conclusion(wronger, [righter, wronger])
    assert "random" not in honesty_conclusion(wronger)


def test_no_question_in_common() -> None:
    one, other = judged(random_activations(3, 2), [True] * 3), judged(random_activations(3, 2), [True] * 3, first=9)
    with pytest.raises(SettingError, match="one question in common"):
        honesty_change(one, other, "x")
