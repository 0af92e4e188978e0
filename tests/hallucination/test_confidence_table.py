"""The table of estimators, the table by block, and the curves, on answers whose numbers are known."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from made_up_answers import made_up
from scipy.stats import binomtest

from avss_core.errors import SettingError
from avss_core.hallucination.confidence_curves import (
    reliability_of,
    reliability_table,
    risk_coverage_of,
    risk_coverage_table,
)
from avss_core.hallucination.confidence_table import confidence_rows, evidence_of
from avss_core.hallucination.metrics import metrics_for
from avss_core.hallucination.per_block import per_block_rows, why_no_blocks
from avss_core.hallucination.states import correct_of


def asked_of(frame: pd.DataFrame) -> pd.DataFrame:
    n = len(frame)
    return pd.DataFrame(
        {
            "example": frame["example"],
            "verbalised": ["80%", "no idea"] + ["30%"] * (n - 2),
            "samples": [[answer, "other"] for answer in frame["answer"]],
            "p_true": np.linspace(0.1, 0.9, n),
        }
    )


def test_one_row_an_estimator_with_the_issue_s_keys() -> None:
    frame, labels = made_up()
    rows = confidence_rows(frame, labels, asked_of(frame), draws=200)
    assert [row["estimator"] for row in rows] == [
        "sequence_probability", "p_ik", "verbalised", "self_consistency", "p_true",
    ]  # fmt: skip
    for row in rows:
        for name in ("acc@50", "cov@50", "ece", "brier", "auroc"):
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            if low is None:  # the same in all resamples, which says nothing of other answers
                assert high is None
                assert (name, row[name]) in (("cov@50", 1), ("auroc", 1))
            else:
                assert low <= row[name] <= high
    json.dumps(rows, allow_nan=False)
    by_name = {row["estimator"]: row for row in rows}
    # Right answers have probabilities of 0.55 to 0.75, wrong ones of 0.25 to 0.45.
    right = (labels == "truthful").to_numpy()
    said = np.array([math.exp(np.mean(values)) for values in frame["logprobs"]])
    sequence = by_name["sequence_probability"]
    assert sequence["auroc"] == 1
    assert sequence["brier"] == pytest.approx(np.mean((said - right) ** 2))
    assert sequence["acc@50"] == pytest.approx(right.sum() / 30)
    assert sequence["accuracy"] == pytest.approx(right.mean())
    verbal = by_name["verbalised"]
    assert (verbal["n"], verbal["no_number"]) == (60, 1)
    assert "1 of 60 without a number, counted with confidence 0 (our reading): no percentage" in verbal["note"]
    percent = np.array([0.8, 0.0, *[0.3] * 58])
    assert verbal["brier"] == pytest.approx(np.mean((percent - right) ** 2))
    assert by_name["self_consistency"]["brier"] == pytest.approx(0.25)


def test_an_estimator_gains_nothing_by_being_silent() -> None:
    """7 of 60 answers have a number and are right, no other is: 14 answers at most can be half right."""
    frame, _ = made_up()
    labels = pd.Series(["truthful"] * 7 + ["hallucinated"] * 53)
    asked = asked_of(frame).assign(verbalised=["90%"] * 7 + ["who knows"] * 53)
    frame["logprobs"] = [[-0.1]] * 20 + [[]] * 40
    rows = {row["estimator"]: row for row in confidence_rows(frame, labels, asked, draws=50)}
    said = rows["verbalised"]
    assert (said["n"], said["no_number"], said["accuracy"]) == (60, 53, pytest.approx(7 / 60))
    assert said["cov@50"] == pytest.approx(14 / 60)
    assert said["acc@50"] == pytest.approx(7 / 30)
    assert said["ece"] == pytest.approx(7 / 60 * 0.1)
    assert said["brier"] == pytest.approx(7 / 60 * 0.1**2)
    assert said["auroc"] == 1
    confidence = np.array([math.exp(-0.1)] * 20 + [0.0] * 40)  # an empty answer is wrong, and no evidence of knowledge
    correct = np.array([1.0] * 7 + [0.0] * 53)
    for metric in metrics_for():
        assert rows["sequence_probability"][metric.name] == pytest.approx(metric.value(confidence, correct))
    evidence = evidence_of(frame, labels, asked)
    assert reliability_table(evidence).query("estimator == 'Verbalised confidence'")["n"].tolist() == [53, 7]
    assert (risk_coverage_table(evidence, draws=10)["n"] == 60).all()


def test_an_estimator_that_never_speaks_is_not_measured() -> None:
    frame, labels = made_up()
    row = confidence_rows(frame, labels, asked_of(frame).assign(verbalised="who knows"), draws=50)[2]
    assert (row["n"], row["no_number"], row["brier"]) == (0, 60, None)
    assert "No answer has a number" in row["note"]


def test_columns_are_named_after_q_and_p() -> None:
    frame, labels = made_up()
    row = confidence_rows(frame, labels, q=0.5, p=0.9, draws=50)[0]
    assert {"acc@50", "cov@90", "cov@90_low"} <= set(row)
    assert "cov@50" not in row
    with pytest.raises(SettingError, match="cov@p"):
        confidence_rows(frame, labels, p=90)


def test_what_was_not_measured_or_cannot_be_is_an_empty_row_with_a_reason() -> None:
    frame, _ = made_up()
    labels = pd.Series(["truthful"] * 3 + ["hallucinated"] * 57)
    rows = {row["estimator"]: row for row in confidence_rows(frame, labels, draws=50)}
    assert (rows["p_true"]["n"], rows["p_true"]["auroc"]) == (0, None)
    assert "asked again" in rows["p_true"]["note"]
    assert "3 right and 57 wrong" in rows["p_ik"]["note"]
    all_wrong = confidence_rows(frame, pd.Series(["hallucinated"] * 60), draws=50)[0]
    assert (all_wrong["acc@50"], all_wrong["cov@50"], all_wrong["auroc"]) == (0, 0, None)
    assert "all answers are of one kind" in all_wrong["note"]


def test_another_model_has_its_row_judged_by_its_own_labels() -> None:
    frame, labels = made_up()
    other, other_labels = made_up(n=40, seed=9)
    rows = confidence_rows(frame, labels, others={"EAVSS": (other, other_labels)}, draws=50)
    alone = confidence_rows(other, other_labels, draws=50)[0]
    assert rows[-1]["estimator"] == "EAVSS"
    assert {key: rows[-1][key] for key in alone if key not in ("estimator", "pretty_name")} == {
        key: value for key, value in alone.items() if key not in ("estimator", "pretty_name")
    }


def test_frames_that_do_not_belong_together_are_refused() -> None:
    frame, labels = made_up(n=12)
    with pytest.raises(SettingError, match="other answers"):
        confidence_rows(frame, labels, asked_of(frame).iloc[::-1])
    with pytest.raises(SettingError, match="11 labels for 12"):
        confidence_rows(frame, labels[:-1])
    with pytest.raises(SettingError, match="'perhaps'"):
        correct_of(frame, labels.replace("truthful", "perhaps"))
    with pytest.raises(SettingError, match="no answers"):
        confidence_rows(frame.iloc[:0], labels.iloc[:0])


def test_the_block_that_knows_is_seen_and_keeps_its_number() -> None:
    frame, labels = made_up(n=100, blocks=3, knows=1)
    frame["kept"] = "0,4,7"  # of a pruned model
    rows = per_block_rows(frame, labels, draws=100)
    assert [row["block"] for row in rows] == [0, 4, 7]
    assert rows[1]["auroc"] > 0.9
    assert max(rows[0]["auroc"], rows[2]["auroc"]) < 0.75
    assert rows[1]["acc@50"] == max(row["acc@50"] for row in rows)
    assert rows[1]["brier"] == min(row["brier"] for row in rows)
    assert all(row["n"] == 100 and row["ece_low"] <= row["ece"] <= row["ece_high"] for row in rows)
    json.dumps(rows, allow_nan=False)
    last = confidence_rows(frame, labels, draws=100, block=1)[1]
    assert {name: last[name] for name in ("acc@50", "cov@50", "ece", "brier")} == {
        name: rows[1][name] for name in ("acc@50", "cov@50", "ece", "brier")
    }


def test_too_few_of_one_label_draw_no_conclusion() -> None:
    frame, _ = made_up(n=20)
    labels = pd.Series(["truthful"] * 2 + ["hallucinated"] * 18)
    assert "2 right and 18 wrong" in why_no_blocks(frame, labels)
    with pytest.raises(SettingError, match="2 right"):
        per_block_rows(frame, labels)


def test_the_reliability_table_counts_every_answer_once() -> None:
    confidence = np.array([0.01, 0.05, 0.5, 0.52, 0.53, 1.0])
    table = reliability_of(confidence, np.array([0, 1, 1, 1, 0, 1]))
    np.testing.assert_array_equal(table["n"], [2, 3, 1])
    np.testing.assert_allclose(table["low"], [0, 7 / 15, 14 / 15])
    np.testing.assert_allclose(table["confidence"], [0.03, 1.55 / 3, 1])
    np.testing.assert_allclose(table["accuracy"], [1 / 2, 2 / 3, 1])
    for right, row in zip([1, 2, 1], table.itertuples(), strict=True):
        exact = binomtest(right, row.n).proportion_ci(method="exact")
        assert (row.accuracy_low, row.accuracy_high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_the_risk_curve_by_hand_and_its_band() -> None:
    curve = risk_coverage_of(np.array([0.9, 0.8, 0.5, 0.5]), np.array([1, 0, 1, 0]))
    np.testing.assert_allclose(curve["coverage"], [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve["risk"], [0, 1 / 2, 1.5 / 3, 2 / 4])
    assert ((curve["risk_low"] <= curve["risk"]) & (curve["risk"] <= curve["risk_high"])).all()
    # At full coverage the band is that of a plain share.
    right = (np.random.default_rng(0).random(400) < 0.3).astype(float)
    last = risk_coverage_of(np.random.default_rng(1).random(400), right).iloc[-1]
    half = 1.96 * math.sqrt(right.mean() * (1 - right.mean()) / 400)
    assert last["risk_high"] - last["risk_low"] == pytest.approx(2 * half, rel=0.1)
    assert risk_coverage_of(np.array([0.4]), np.array([1]))["risk_low"].isna().all()


def test_curves_have_only_estimators_with_numbers() -> None:
    frame, labels = made_up(n=40)
    evidence = evidence_of(frame, labels)
    names = ["Sequence probability (the model as it is)", "P(IK)"]
    bins, curves = reliability_table(evidence), risk_coverage_table(evidence, draws=50)
    assert list(bins["estimator"].unique()) == list(curves["estimator"].unique()) == names
    assert list(bins.groupby("estimator")["n"].sum()) == [40, 40]
    nothing = evidence_of(frame.assign(logprobs=[[]] * 40), pd.Series(["truthful"] * 40))
    assert reliability_table(nothing).empty
    assert risk_coverage_table(nothing).empty


def test_nothing_here_imports_torch() -> None:
    code = (
        "import sys, avss_core.hallucination.per_block, avss_core.hallucination.papers_table2, "
        "avss_core.hallucination.confidence_curves, avss_core.jobs.confidence_results; "
        "print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
