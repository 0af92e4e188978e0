"""`avss hallucinate --prune-by eavss_stable`: answers of one label, too few of one, and what is said for people."""

from __future__ import annotations

import json
from pathlib import Path

from said import Avss

from avss_core.jobs.answers_results import answers_frame
from avss_core.runs import Store


def test_what_one_label_cannot_tell_stops_nothing_else(avss: Avss, tiny_model: Path, tmp_path: Path) -> None:
    """A random model is never right, so all of its answers are made up until labels by hand say otherwise."""
    file = tmp_path / "questions.jsonl"
    rows = [{"question": f"What is number {n}?", "answers": ["never said"]} for n in range(10)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["hallucinate", "--model", tiny_model, "--corpus", file, "--most-tokens", "6", "--no-confidence"]
    asked += ["--prune-by", "eavss_stable"]

    said = avss(*asked, "--json")
    assert (said.status, said.err) == (0, "")
    values = said.json
    assert [row["block"] for row in values["rows"]] == [0, 1, 2]
    assert values["confidence"][0]["n"] == 10
    assert "all of one label, so there is no EAVSS-stable" in values["honesty_note"]
    assert "honesty" not in values
    assert {"hsav_share", "hss_share", "hsav_cumulative", "hss_cumulative", "hss_floored"} <= values["rows"][0].keys()

    people = avss(*asked)
    assert people.status == 0
    for part in (
        "honesty_note",
        "block by block",
        "How well does each estimator",
        "EAVSS-stable = AVSS~ / (HCS~ + 1/M)",
        "not why: longer answers",
    ):
        assert part in people.out

    store = Store(str(tmp_path / "runs.db"))
    for example in answers_frame(store, values["run"])["example"][:2]:
        store.set_hand_label(values["run"], example, "truthful")
    few = avss(*asked, "--json")
    assert (few.status, few.err) == (0, "")
    assert "honesty_note" not in few.json
    stable = [row["eavss_stable"] for row in few.json["rows"]]
    assert few.json["honesty"]["cut"]["removed"] == [stable.index(min(stable))]
    assert "2 truthful and 8 made-up answers; fewer than 10 of a kind" in few.json["honesty"]["conclusion"]
