"""`avss hallucinate` on a model that is never right, and on one that is right in every other answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from said import Avss

from avss_core.jobs.answers_results import answers_frame
from avss_core.runs import Store

COLUMNS = {"block", "hsav", "hss", "hcs", "eavss", "eavss_stable", "propensity", "p_value", "p_adjusted"}


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Questions under columns of other names, with a reference that is never said."""
    file = tmp_path / "questions.jsonl"
    rows = [{"asked": f"What is number {n}?", "right": ["never said"]} for n in range(12)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_hallucinate_and_prune_for_honesty(avss: Avss, tiny_model: Path, questions: Path, tmp_path: Path) -> None:
    base = ["hallucinate", "--model", tiny_model, "--corpus", questions, "--question-column", "asked"]
    base += ["--answers-column", "right", "--max-questions", "10", "--most-tokens", "6"]
    said = avss(*base, "--prune-by", "propensity", "--random", "1", "--json")
    assert (said.status, said.err) == (0, "")
    values = said.json
    assert {"run", "judge", "rate", "questions", "rows", "confidence", "per_block", "conclusion"} <= values.keys()
    assert (values["judge"], values["questions"], values["rate"]) == ("alias", 10, 1.0)
    assert values["rate_low"] == pytest.approx(0.025 ** (1 / 10))
    assert values["rate_high"] == 1
    assert [row["block"] for row in values["rows"]] == [0, 1, 2]
    assert values["rows"][0].keys() >= COLUMNS
    assert all(row["propensity"] > 0 and row["p_value"] is None for row in values["rows"])
    assert "nothing is concluded" in values["conclusion"]
    assert "P(IK) needs" in values["per_block_note"]
    measured = {row["estimator"]: row["n"] for row in values["confidence"]}
    assert measured["sequence_probability"] > 0
    assert measured["self_consistency"] == 10

    highest = max(values["rows"], key=lambda row: row["propensity"])["block"]
    change = values["honesty"]["cut"]
    assert change["removed"] == [highest]
    assert change["h_before"] == pytest.approx(values["h_model"])
    assert (change["questions"], change["rate_before"], change["rate_change"]) == (10, 1.0, 0.0)
    (other,) = values["honesty"]["random"]
    assert len(other["removed"]) == 1
    assert other["removed"] != [highest]

    store = Store(str(tmp_path / "runs.db"))
    before = store.run(values["run"])
    people = avss(
        *base, "--site", "update", "--judge", "loose", "--reading", "ratio", "--epsilon", "0.1sigma", "--no-confidence"
    )
    assert (people.status, people.err) == (0, "")
    assert values["run"] in people.out
    assert store.run(values["run"]) == before, "nothing was generated again: no other attempt, no later end"


@pytest.fixture
def half_known(avss: Avss, tiny_model: Path, tmp_path: Path) -> list[object]:
    """Options for 40 questions; the reference of every other one is what the model says to it."""
    asked, file = tmp_path / "asked.jsonl", tmp_path / "truthfulqa.jsonl"
    rows = [{"question": f"What is number {n}?", "answers": ["never said"]} for n in range(40)]
    options = ["--model", tiny_model, "--most-tokens", "6", "--no-confidence"]
    asked.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = avss("hallucinate", *options, "--corpus", asked, "--json")
    assert (said.status, said.err) == (0, "")
    answers = answers_frame(Store(str(tmp_path / "runs.db")), said.json["run"])["answer"]
    known = [{**row, "answers": [answers[n]]} if n % 2 else row for n, row in enumerate(rows)]
    file.write_text("".join(json.dumps(row) + "\n" for row in known))
    return [*options, "--corpus", file]


def test_right_and_made_up_answers_through_the_shell(avss: Avss, half_known: list[object], tmp_path: Path) -> None:
    said = avss("hallucinate", *half_known, "--prune-by", "eavss_stable", "--json")
    assert (said.status, said.err) == (0, "")
    values, rows = said.json, said.json["rows"]
    assert (values["rate"], values["truthful"], values["hallucinated"]) == (0.5, 20, 20)
    assert (values["enough"], values["per_block_note"]) == (True, "")
    assert all(isinstance(row[name], float) for row in rows for name in COLUMNS - {"block"})
    frame = answers_frame(Store(str(tmp_path / "runs.db")), values["run"])
    squares, sums, n = (np.stack(frame[f"residual_{name}"]) for name in ("sum_squares", "sum", "n"))
    truthful, made_up = (
        squares[part].sum(0) / n[part].sum(0) - (sums[part].sum(0) / n[part].sum(0)) ** 2
        for part in (slice(1, None, 2), slice(0, None, 2))
    )
    np.testing.assert_allclose([row["hsav"] for row in rows], abs(made_up - truthful), rtol=1e-6)
    assert [row["block"] for row in values["per_block"]] == [0, 1, 2]
    assert all(row["n"] == 40 and 0 < row["brier"] < 1 and row["cov@50"] is not None for row in values["per_block"])
    names = [row["estimator"] for row in values["confidence"]]
    assert names == ["sequence_probability", "p_ik", "verbalised", "self_consistency", "p_true", "EAVSS"]
    assert values["confidence"][-1]["n"] == 0
    assert "no contrastive training" in values["confidence"][-1]["note"]

    lowest = min(rows, key=lambda row: row["eavss_stable"])["block"]
    assert values["honesty"]["cut"]["removed"] == [lowest]
    assert len(values["honesty"]["random"]) == 2, "three are asked for, and there are two other cuts of one block"


def test_thresholds_and_presets(avss: Avss, half_known: list[object]) -> None:
    base = ["hallucinate", *half_known, "--random", "0", "--json"]
    plain = avss(*base).json
    assert (plain["q"], plain["p"], plain["preset"]) == (0.5, 0.5, None)
    assert plain["preset_note"] == "The paper uses acc@50 and cov@40 for TruthfulQA; --preset auto does so too."
    assert "honesty" not in plain
    by_h = sorted(plain["rows"], key=lambda row: row["propensity"])
    theta = (by_h[0]["propensity"] + by_h[1]["propensity"]) / 2
    above = avss(*base, "--prune-by", "propensity", "--theta", theta, "--preset", "auto").json
    assert above["honesty"]["cut"]["removed"] == sorted(row["block"] for row in by_h[1:])
    assert (above["q"], above["p"], above["preset"], above["preset_note"]) == (0.5, 0.4, "TruthfulQA", "")
    assert "cov@40" in above["confidence"][0]
    assert "cov@40" in above["per_block"][0]
    shares = np.array([row["eavss_stable"] for row in plain["rows"]])
    shares /= shares.sum()
    middle = np.sort(shares)[:2].mean()
    below = avss(*base, "--prune-by", "eavss_stable", "--theta", middle, "--preset", "sciq").json
    assert below["honesty"]["cut"]["removed"] == [int(shares.argmin())]
    assert below["preset"] == "SciQ"
    assert "cov@90" in below["confidence"][0]
    none = avss(*base, "--prune-by", "propensity", "--theta", by_h[-1]["propensity"])
    assert none.status == 0, "it is known only after everything was asked, and all of that is told"
    assert "removes no block: the propensity H lies between" in none.json["honesty_note"]
    assert none.json["rows"] == plain["rows"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--judge", "fair"], "judges are exact"),
        (["--reading", "mean"], "readings are product"),
        (["--shots", "9"], "solved examples"),
        (["--remove", "1", "--prune-by", "propensity"], "not both"),
        (["--prune-by", "avss"], "propensity or eavss_stable"),
        (["--q", "1.2"], "acc@q is a share above 0"),
        (["--p", "0"], "cov@p is a share above 0"),
        (["--seed", "-1"], "seed must be 0 or more"),
        (["--site", "mlp"], "residual or update, not 'mlp'"),
        (["--theta", "1"], "--theta says how far --prune-by goes"),
        (["--blocks", "2", "--remove", "1"], "--blocks says how far --prune-by goes"),
        (["--prune-by", "propensity", "--theta", "1", "--blocks", "2"], "--blocks or --theta, not both"),
        (["--prune-by", "propensity", "--theta", "nan"], "must be a number"),
        (["--preset", "SQuAD"], "presets for NQ, SciQ"),
        (["--preset", "auto"], "called after none of the paper's data sets"),
        (["--preset", "NQ", "--q", "0.4"], "not both"),
    ],
)
def test_what_is_refused_before_anything_runs(avss: Avss, arguments: list[str], said: str) -> None:
    told = avss("hallucinate", *arguments, "--json")
    assert told.status == 2
    assert said in told.json["error"]
