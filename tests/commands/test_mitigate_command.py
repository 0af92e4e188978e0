"""`avss mitigate` on a model that knows nothing, with answers put right by hand: what scripts rely on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from said import Avss

from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.labels import relabel
from avss_core.jobs.answers_results import answers_frame
from avss_core.runs import Store


def test_training_its_table_and_its_adapter_for_a_cut(avss: Avss, tiny_model: Path, tmp_path: Path) -> None:
    file, folder = tmp_path / "questions.jsonl", tmp_path / "adapter"
    rows = [{"question": f"What is number {n}?", "answers": ["never said"]} for n in range(50)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    base = ["--model", tiny_model, "--corpus", file, "--most-tokens", "4", "--seed", "3"]
    asked = avss("hallucinate", *base, "--json")
    assert (asked.status, asked.err) == (0, "")
    store = Store(str(tmp_path / "runs.db"))
    for example in answers_frame(store, asked.json["run"])["example"][::2]:
        relabel(store, asked.json["run"], example, "truthful")

    base += ["--steps", "2", "--only", "0,2", "--q", "0.3"]
    said = avss("mitigate", *base, "--adapter", folder, "--for-cut", "1", "--json")
    assert (said.status, said.err) == (0, "")
    values = said.json
    assert values["chosen"]["blocks"] == [0, 2]
    assert (values["chosen"]["truthful"], values["controls"]) == (pytest.approx(12, abs=8), [])
    found = {row["estimator"]: row for row in values["confidence"]}
    assert list(found) == [
        *("sequence_probability", "p_ik", "verbalised", "self_consistency", "p_true"),
        "trained (named blocks)",
    ]
    assert all(found[name]["acc@30_low"] is not None for name in ("sequence_probability", "trained (named blocks)"))
    assert found["p_true"]["n"] == found["p_ik"]["n"] == values["chosen"]["change"]["questions"]
    seeds = {run.spec["settings"]["seed"] for run in store.runs("confidence")}
    assert seeds == {AskingAgain(seed=3).seed}
    targets = json.loads((folder / "adapter_config.json").read_text())["target_modules"]
    assert {name.split(".")[2] for name in targets} == {"0", "1"}

    base = base[: base.index("--only")]
    people = avss("mitigate", *base, "--blocks", "1", "--no-confidence")
    assert (people.status, people.err) == (0, "")
    assert "EAVSS" in people.out
    assert "Against lowest HCS: the rate differs by" in people.out
    assert "Against random blocks: the rate differs by" in people.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--for-cut", "1"], "give a new folder with --adapter"),
        (["--adapter", "new", "--for-cut", "one"], "'one' is none"),
        (["--adapter", "."], "there already"),
        (["--q", "0"], "acc@q is a share above 0"),
        (["--p", "1.5"], "cov@p is a share above 0"),
        (["--seed", "-1"], "seed must be 0 or more"),
        (["--site", "mlp"], "residual or update"),
        (["--choice", "best"], "chosen by highest"),
    ],
)
def test_what_is_refused_before_anything_runs(avss: Avss, arguments: list[str], said: str) -> None:
    told = avss("mitigate", *arguments, "--json")
    assert told.status == 2
    assert said in told.json["error"]
