"""`avss mitigate` on a model that knows nothing, with answers put right by hand: what scripts rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from said import Avss

from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.labels import relabel
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.requests import MitigateRequest
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
    for cut, told in (("1,9", "There is no block 9"), ("0-2", "removes all 3 blocks"), ("0,2", "every block that is")):
        refused = avss("mitigate", *base, "--adapter", folder, "--for-cut", cut, "--json")
        assert refused.status == 2
        assert told in refused.json["error"]
        assert not [
            *store.runs("mitigate"),
            *(run for run in store.runs("confidence") if run.spec["answers"]["corpus"]["part"] != "all"),
        ]
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
    assert (values["q"], values["p"], values["preset"], values["preset_note"]) == (0.3, 0.5, None, "")
    _check_blocks(values, MitigateRequest.from_dict(store.runs("mitigate")[0].spec), store)
    assert found["p_true"]["n"] == found["p_ik"]["n"] == values["chosen"]["change"]["questions"]
    seeds = {run.spec["settings"]["seed"] for run in store.runs("confidence")}
    assert seeds == {AskingAgain(seed=3).seed}
    targets = json.loads((folder / "adapter_config.json").read_text())["target_modules"]
    assert {name.split(".")[2] for name in targets} == {"0", "1"}

    assert asked.json["confidence"][-1]["n"] == 0, "nothing was trained when it was asked"
    base = base[: base.index("--only")]
    people = avss("mitigate", *base, "--blocks", "1", "--no-confidence")
    assert (people.status, people.err) == (0, "")
    assert "EAVSS" in people.out
    assert "Against lowest HCS: the rate differs by" in people.out
    assert "Against random blocks: the rate differs by" in people.out
    assert "Before and after on held-out questions" in people.out

    trained = avss("mitigate", *base, "--blocks", "1", "--no-confidence", "--json").json
    again = avss("hallucinate", *base[: base.index("--steps")], "--json").json
    (theirs,) = [row for row in trained["confidence"] if row["estimator"] == "EAVSS"]
    ours = again["confidence"][-1]
    assert (ours["estimator"], ours["pretty_name"]) == ("EAVSS", "EAVSS (held-out half)")
    assert {name: ours[name] for name in theirs if name not in ("pretty_name", "note")} == {
        name: value for name, value in theirs.items() if name not in ("pretty_name", "note")
    }
    assert trained["chosen"]["run"] in ours["note"]


def _check_blocks(values: dict[str, Any], request: MitigateRequest, store: Store) -> None:
    """rows: of the half that is learned from; per_block: of the other; both with the keys of `avss hallucinate`."""
    assert {"hsav", "hss", "hcs", "eavss", "eavss_stable", "propensity", "p_value"} <= values["rows"][0].keys()
    taught = answers_frame(store, request.taught.run_id())
    right = taught["example"].isin([example for example, label in request.by_hand if label == "truthful"])
    squares, sums, n = (np.stack(taught[f"residual_{name}"]) for name in ("sum_squares", "sum", "n"))
    variances = [
        squares[part].sum(0) / n[part].sum(0) - (sums[part].sum(0) / n[part].sum(0)) ** 2 for part in (right, ~right)
    ]
    np.testing.assert_allclose([row["hsav"] for row in values["rows"]], abs(variances[0] - variances[1]), rtol=1e-6)
    assert values["per_block_note"] == ""
    assert [row["block"] for row in values["per_block"]] == [0, 1, 2]
    asked = len(answers_frame(store, request.held_out.run_id()))
    assert all(row["n"] == asked and row["acc@30"] is not None for row in values["per_block"])
    metrics = [row["metric"] for row in values["chosen"]["before_after"]]
    assert metrics == ["made-up rate", "H_model", "perplexity", "acc@30", "cov@50", "ece", "brier", "auroc"]


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
        (["--preset", "SQuAD"], "presets for NQ, SciQ"),
    ],
)
def test_what_is_refused_before_anything_runs(avss: Avss, arguments: list[str], said: str) -> None:
    told = avss("mitigate", *arguments, "--json")
    assert told.status == 2
    assert said in told.json["error"]
