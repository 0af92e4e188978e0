"""`avss iterate`: what it answers, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from said import Avss

from avss_core.runs import Store

STEP = {"number", "decision", "drop", "cumulative_loss", "retained", "stop", "removed", "block_runs", "attempt"}
ANSWER = {"steps", "stop_reason", "removed", "block_runs", "block_runs_naive", "importance_block_runs", "held_out"}


def test_greedy_and_beam(avss: Avss, tiny_model: Path, text: Path) -> None:
    asked = ["iterate", "--model", tiny_model, "--corpus", text, "--search", "greedy", "--most", 2]
    greedy = avss(*asked, "--json")
    assert (greedy.status, greedy.err) == (0, "")
    values = greedy.json
    assert values.keys() >= ANSWER
    assert [len(step["removed"]) for step in values["steps"]] == [1, 2]
    assert all(step.keys() >= STEP for step in values["steps"])
    assert values["removed"] == values["steps"][-1]["removed"]
    assert sorted([*values["removed"], *values["kept"]]) == [0, 1, 2]
    assert values["stop_reason"] == "requested number removed"
    # Of 3 blocks: the whole model and each block alone, (0·1·2 holds 0·1; 0·2; 1·2), then two pairs of one block each.
    assert (values["block_runs"], values["block_runs_naive"]) == (6 + 2, 9 + 2)
    assert [row["number"] for row in values["held_out"]] == [1, 2]
    for row, step in zip(values["held_out"], values["steps"], strict=True):
        assert row["removed"] == sorted(step["removed"])
        assert row["search_retained"] == step["retained"]
        assert row["retained_low"] <= row["retained"] <= row["retained_high"]

    again = avss(*asked, "--json")
    assert again.json == values, "it was found, not done again"
    people = avss(*asked)
    assert (people.status, people.err) == (0, "")
    assert "held out" in people.out

    beam = avss("iterate", "--model", tiny_model, "--corpus", text, "--search", "beam", "--width", 9, "--json").json
    assert beam["cuts_recalled"] > 0
    assert beam["steps"][0]["removed"] == values["steps"][0]["removed"]
    assert beam["steps"][1]["attempt"]["value"] <= values["steps"][1]["attempt"]["value"]


def test_appendix_h_on_another_task(avss: Avss, tiny_model: Path, text: Path) -> None:
    said = avss(
        *("iterate", "--model", tiny_model, "--corpus", text, "--method", "magnitude", "--task", "sentiment"),
        *("--max-examples", 10, "--delta", 1, "--convergence", 0, "--protect-first", 1, "--again", "--json"),
    )
    assert (said.status, said.err) == (0, "")
    assert said.json["metric"] == "accuracy"
    steps = said.json["steps"]
    assert [step["decision"] for step in steps] == ["removed", "removed"]
    assert sorted(said.json["removed"]) == [1, 2]
    assert {step["delta"] for step in steps} == {1}
    assert [score is None for score in steps[1]["scores"]] == [block in steps[0]["removed"] for block in range(3)]
    assert said.json["importance_block_runs"] == 0, "weights are read without running a block"
    assert {row["n"] for row in said.json["held_out"]} == {10}


def test_a_task_reads_as_many_tokens_of_its_examples_as_are_asked_for(
    avss: Avss, tiny_model: Path, tmp_path: Path
) -> None:
    asked = ("iterate", "--model", tiny_model, "--task", "sentiment", "--search", "greedy", "--most", 1, "--json")
    few = avss(*asked, "--max-tokens", 500).json
    all_examples = avss(*asked, "--max-examples", 20).json
    assert 1 < few["held_out"][0]["n"] < all_examples["held_out"][0]["n"] == 20
    texts = [run.spec["corpus"]["max_tokens"] for run in Store(str(tmp_path / "runs.db")).runs("search")]
    assert texts == [None, 500]


@pytest.mark.parametrize(("task", "expected"), [("perplexity", 1e-4), ("sentiment", 0.0)])
def test_what_counts_as_converged_by_default(
    avss: Avss, tiny_model: Path, text: Path, tmp_path: Path, task: str, expected: float
) -> None:
    few = ("--max-examples", 6) if task == "sentiment" else ()
    asked = ("iterate", "--model", tiny_model, "--corpus", text, "--method", "magnitude", "--task", task, *few)
    assert avss(*asked, "--most", 1, "--json").status == 0
    (run,) = Store(str(tmp_path / "runs.db")).runs("search")
    assert run.spec["settings"]["rule"]["convergence"] == expected


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--search", "greedy", "--tolerance", 0.1], "--tolerance belongs to --search appendix-h and not to greedy"),
        (["--search", "greedy", "--width", 3], "--width belongs to --search beam"),
        (["--tolerance", 0.1, "--delta", 1], "give one of them"),
        (["--search", "greedy", "--again"], "--again belongs to --search appendix-h"),
        (["--search", "greedy", "--skip-first-token"], "--skip-first-token belongs to --search appendix-h"),
        (["--search", "beam", "--epsilon", 0.1], "--epsilon belongs to --search appendix-h"),
        (["--task", "sentiment", "--search", "greedy"], "--corpus belongs to --search appendix-h and not to greedy"),
        (["--task", "sentiment", "--held-out-tokens", 500], "--held-out-tokens is for perplexity"),
        (["--tolerance", -1], "tolerance λ must be a number from 0 on"),
        (["--method", "avss,gbis"], "no method 'avss,gbis'"),
        (["--examples", "sample:sentiment"], "Perplexity is measured on --corpus"),
        (["--search", "beam", "--width", 0], "width of the beam must be at least 1"),
        (["--retain", -0.5], "share of performance to retain must be positive"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(
    avss: Avss, tiny_model: Path, text: Path, options: list[object], sentence: str
) -> None:
    said = avss("iterate", "--model", tiny_model, "--corpus", text, *options)
    assert (said.status, said.out) == (2, "")
    assert sentence in said.err
