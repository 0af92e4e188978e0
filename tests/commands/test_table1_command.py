"""`avss table1` and `avss classifier`, as scripts call them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from said import Avss

from avss_core.commands import classifier as classifier_command
from avss_core.runs import Store


def test_the_table_from_the_shell(avss: Avss, tiny_model: Path, text: Path) -> None:
    command = ["table1", "--models", f"{tiny_model},/nowhere/model", "--tasks", f"perplexity:{text}"]
    command += ["--methods", "gbis,avss@update,random", "--repeats", 2, "--fraction", 0.34, "--max-tokens", 400]
    said = avss(*command, "--json")
    assert said.status == 0
    assert said.err.startswith("avss: There is no folder /nowhere/model")
    rows = {(row["model"], row["method"]): row for row in said.json["rows"]}
    cell = rows[str(tiny_model), "avss@update"]
    assert cell["whose"] == "ours"
    assert cell["repeats"] == 2
    assert cell["low"] <= cell["value"] <= cell["high"]
    assert 0 < cell["parameter_reduction"] < 0.34
    assert rows["/nowhere/model", "gbis"]["value"] is None
    assert rows["/nowhere/model", "gbis"]["note"].startswith("not at hand: /nowhere/model")
    assert said.json["settings"]["methods"] == ["gbis", "avss@update", "random"]
    assert "t interval" in said.json["intervals"]
    papers = said.json["papers"]
    assert "authors' figures" in papers["source"]
    assert {row["whose"] for row in papers["rows"]} == {"theirs"}
    assert len(papers["rows"]) == 60
    assert "is our reading: DistilBERT is distilbert/" in papers["reading"]

    before = avss("runs", "list", "--json").json["runs"]
    people = avss(*command)
    assert people.status == 0
    assert "measured here" in people.out
    assert "the paper's figure" in people.out
    assert "LLama-7B is meta-llama/Llama-2-7b-hf" in people.out
    done = {run["run"] for run in avss("runs", "list", "--json").json["runs"]}
    assert done == {run["run"] for run in before}, "it was found, not done again"


def test_what_is_gone_from_the_store_is_measured_again_or_told(
    avss: Avss, tiny_model: Path, text: Path, tmp_path: Path
) -> None:
    command = ["table1", "--models", tiny_model, "--tasks", f"perplexity:{text}", "--methods", "magnitude"]
    command += ["--repeats", 2, "--fraction", 0.34, "--max-tokens", 400, "--json"]
    first = avss(*command).json
    store = Store(str(tmp_path / "runs.db"))
    shutil.rmtree(store.folder)
    again = avss(*command)
    assert (again.status, again.err) == (0, "")
    assert again.json == first
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute("DELETE FROM evaluations")  # which no run knows of
    said = avss(*command)
    assert said.status == 2
    assert "gone from the store; delete the run, then start again" in said.err


def test_a_slip_is_told_before_anything_runs(avss: Avss) -> None:
    for wrong, sentence in (
        (("--repeats", 1), "at least 2 samples"),
        (("--methods", "lpr"), "There is no method 'lpr'"),
        (("--tasks", "perplexity,qaa"), "There is no task 'qaa'"),
        (("--models", ","), "at least one model"),
    ):
        said = avss("table1", *wrong)
        assert said.status == 2
        assert sentence in said.err


def test_the_classifier_says_what_it_is(avss: Avss, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"what": "Stand-in for DistilBERT", "accuracy_judged_on": 0.75, "sizes": {}}
    (tmp_path / "provenance.json").write_text(json.dumps(known))
    monkeypatch.setattr(classifier_command, "standin_folder", lambda tell: tmp_path)
    said = avss("classifier", "--json").json
    assert said == {
        "what": "Stand-in for DistilBERT",
        "accuracy_judged_on": 0.75,
        "model": "standin-classifier",
        "folder": str(tmp_path),
    }
