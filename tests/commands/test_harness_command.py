"""`avss harness`, with a stand-in for the package."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from fake_harness import put_in_place
from said import Avss

ROOT = Path(__file__).parents[2]


def test_original_and_pruned_are_both_run(avss: Avss, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = put_in_place(monkeypatch)
    blocks: list[int] = []
    answered = harness.simple_evaluate

    def evaluate(**asked):
        print("chatter of a task")
        blocks.append(asked["model"]["pretrained"].config.num_hidden_layers)
        return answered(**asked)

    harness.simple_evaluate = evaluate
    asked = ("harness", "--model", tiny_model, "--device", "cpu", "--tasks", "toy, other", "--limit", 4)
    said = avss(*asked, "--remove", "0,2", "--shots", 2, "--json")
    assert said.status == 0
    assert blocks == [3, 1]
    assert (harness.asked["tasks"], harness.asked["limit"], harness.asked["num_fewshot"]) == (["toy", "other"], 4, 2)
    assert (said.json["kept"], said.json["removed"], said.json["device"]) == ([1], [0, 2], "cpu")
    rows = said.json["rows"]
    assert [(row["model"], row["metric"], row["value"], row["stderr"]) for row in rows] == [
        ("original", "acc,none", 0.25, 0.1),
        ("original", "f1,x", 1.0, None),
        ("pruned", "acc,none", 0.25, 0.1),
        ("pruned", "f1,x", 1.0, None),
    ]
    assert [row["higher_is_better"] for row in rows] == [True, None, True, None]

    whole = avss(*asked)
    assert whole.status == 0
    assert blocks == [3, 1, 3], "without a cut the whole model alone is run"
    assert "acc,none" in whole.out
    assert "pruned" not in whole.out


def test_without_the_package_one_sentence_and_status_2(avss: Avss, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    said = avss("harness", "--tasks", "toy", "--model", "no/such-model", "--json")
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert "not installed" in said.json["error"]
    assert "`pip install lm-eval`" in said.json["error"]


def test_slips(avss: Avss, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_place(monkeypatch)
    assert "No task is named" in avss("harness", "--tasks", " , ").err
    assert "no block 9 to remove" in avss("harness", "--tasks", "toy", "--remove", "9", "--model", tiny_model).err
    assert avss("harness", "--model", tiny_model).status == 2


def test_the_extra_names_the_version_that_was_tried() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (needed,) = extras["harness"]
    assert needed.startswith("lm-eval==")
    assert needed.removeprefix("lm-eval==") in (ROOT / "avss_core" / "tasks" / "lm_eval_adapter.py").read_text()
