"""`avss hallucinate` on a model that knows nothing: the keys and columns that scripts rely on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from said import Avss

COLUMNS = {"block", "hsav", "hss", "hcs", "eavss", "eavss_stable", "propensity", "p_value", "p_adjusted"}


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Questions under columns of other names; every other one has the empty word for a reference that is never said."""
    file = tmp_path / "questions.jsonl"
    rows = [{"asked": f"What is number {n}?", "right": ["never said"]} for n in range(12)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_hallucinate_and_prune_for_honesty(avss: Avss, tiny_model: Path, questions: Path) -> None:
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

    people = avss(
        *base, "--site", "update", "--judge", "loose", "--reading", "ratio", "--epsilon", "0.1sigma", "--no-confidence"
    )
    assert (people.status, people.err) == (0, "")
    assert values["run"] in people.out, "nothing was generated again"


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
    ],
)
def test_what_is_refused_before_anything_runs(avss: Avss, arguments: list[str], said: str) -> None:
    told = avss("hallucinate", *arguments, "--json")
    assert told.status == 2
    assert said in told.json["error"]
