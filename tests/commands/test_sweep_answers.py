"""What `avss sweep` answers, against pruned networks scored here."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from said import Avss
from tiny_model import save_tiny_model, tiny_network, tiny_tokenizer

from avss_core.corpora import CorpusSpec, make_windows, read_corpus
from avss_core.models.load import wrap
from avss_core.pruning.random_cuts import random_cuts_by_size
from avss_core.variants.physical import pruned_network

M = 6


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "six", blocks=M)


def perplexity_here(text: Path, removed: list[int]) -> float:
    """exp(mean loss) of the physically pruned network on the held-out documents, a window at a time."""
    whole = wrap(tiny_network(M), tiny_tokenizer())
    network = pruned_network(whole, [block for block in range(M) if block not in removed])
    total = predicted = 0.0
    for window in make_windows(read_corpus(CorpusSpec(str(text), part="evaluate", max_tokens=600)), tiny_tokenizer()):
        ids = torch.tensor([window.ids])
        with torch.inference_mode():
            total += float(network(input_ids=ids, labels=ids).loss) * (len(window) - 1)
        predicted += len(window) - 1
    return math.exp(total / predicted)


def test_where_no_block_may_go_nothing_is_ranked(avss: Avss, model: Path, text: Path) -> None:
    common = ("--model", model, "--dtype", "float32", "--corpus", text, "--max-tokens", 200)
    said = avss("sweep", "--method", "magnitude", "--protect-first", 4, "--protect-last", 2, *common, "--json")
    assert said.status == 2
    assert "None of the 6 blocks can be removed; protect fewer" in said.json["error"]
    assert [run["kind"] for run in avss("runs", "list", "--json").json["runs"]] == ["evaluate"]


def test_a_sweep_in_the_shell(avss: Avss, model: Path, text: Path) -> None:
    common = ("--model", model, "--dtype", "float32", "--corpus", text, "--max-tokens", 600)
    asked = ("sweep", "--method", "magnitude,angular", "--max-fraction", 0.5, "--draws", 4, "--protect-first", 1)
    said = avss(*asked, *common, "--json")
    assert (said.status, said.err) == (0, "")
    values = said.json
    assert {"rows", "random", "block_runs", "block_runs_naive"} <= values.keys()
    assert (values["methods"], values["oracle"]) == (["magnitude", "ablation", "angular"], "ablation")
    assert 0 < values["block_runs"] < values["block_runs_naive"]

    rows = {(row["method"], row["removed"]): row for row in values["rows"]}
    assert set(rows) == {(method, size) for method in values["methods"] for size in range(4)}
    assert all(not {0} & set(row["blocks"]) and len(row["blocks"]) == row["removed"] for row in rows.values())
    for row in (rows["magnitude", 2], rows["ablation", 3], rows["angular", 3], rows["ablation", 0]):
        assert row["value"] == pytest.approx(perplexity_here(text, row["blocks"]), rel=1e-4)
        assert row["low"] <= row["value"] <= row["high"]
        assert row["retained"] == pytest.approx(rows["ablation", 0]["value"] / row["value"])
        assert row["retained_low"] <= row["retained"] + 1e-9
        assert row["retained"] <= row["retained_high"] + 1e-9
        assert row["share"] == row["removed"] / M
    stretch = rows["angular", 3]["blocks"]
    assert stretch == list(range(stretch[0], stretch[0] + 3))

    ranked = avss("rank", "--method", "magnitude", *common, "--json").json["methods"]
    for method in ("magnitude", "ablation"):
        order = [block for block in ranked[method]["removal_order"] if block != 0]
        assert rows[method, 3]["blocks"] == sorted(order[:3])

    assert [band["removed"] for band in values["random"]] == [1, 2, 3]
    band = values["random"][1]
    drawn = sorted(perplexity_here(text, list(cut)) for cut in random_cuts_by_size(M, [2], (0,), 4)[2])
    assert (band["low"], band["high"]) == pytest.approx((drawn[0], drawn[-1]), rel=1e-4)
    assert band["median"] == pytest.approx((drawn[1] + drawn[2]) / 2, rel=1e-4)
    assert (band["draws"], band["coverage"]) == (4, pytest.approx(3 / 5))
    assert band["retained_low"] == pytest.approx(rows["ablation", 0]["value"] / drawn[-1], rel=1e-4)

    kinds = [run["kind"] for run in avss("runs", "list", "--json").json["runs"]]
    assert avss(*asked, *common, "--json").json == values
    assert [run["kind"] for run in avss("runs", "list", "--json").json["runs"]] == kinds, "asking again runs nothing"
    people = avss(*asked, *common)
    assert (people.status, people.err) == (0, "")
    assert "block_runs_naive" in people.out
    assert "random cuts" in people.out


def test_a_sweep_of_another_task(avss: Avss, model: Path, text: Path) -> None:
    common = ("--model", model, "--dtype", "float32", "--corpus", text, "--max-tokens", 300, "--json")
    said = avss("sweep", "--method", "magnitude", "--task", "sentiment", "--max-examples", 6, "--draws", 0, *common)
    assert (said.status, said.err) == (0, "")
    assert (said.json["task"], said.json["metric"], said.json["random"]) == ("sentiment", "accuracy", [])
    assert {row["removed"] for row in said.json["rows"]} == {0, 1, 2, 3}
    assert all(0 <= row["value"] <= 1 for row in said.json["rows"])


@pytest.mark.parametrize("task", ["qa", "closed_book"])
def test_where_models_write_no_block_run_is_shared(avss: Avss, model: Path, text: Path, task: str) -> None:
    common = ("--model", model, "--dtype", "float32", "--corpus", text, "--max-tokens", 300, "--json")
    asked = ("--method", "magnitude", "--task", task, "--max-examples", 2, "--max-fraction", 0.34, "--draws", 0)
    said = avss("sweep", *asked, *common)
    assert (said.status, said.err) == (0, "")
    cuts = {tuple(row["blocks"]) for row in said.json["rows"]}
    assert said.json["block_runs"] == said.json["block_runs_naive"] == sum(M - len(cut) for cut in cuts)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--method", "avs"), "did you mean"),
        (("--max-fraction", 1.5), "between 0 and 1"),
        (("--task", "perplexit"), "There is no task"),
        (("--max-examples", 3), "Perplexity reads text"),
    ],
)
def test_slips_are_told_before_anything_is_run(
    avss: Avss, model: Path, text: Path, options: tuple[object, ...], sentence: str
) -> None:
    said = avss("sweep", *options, "--model", model, "--corpus", text, "--json")
    assert said.status == 2
    assert sentence.lower() in said.err.lower()
    assert avss("runs", "list", "--json").json["runs"] == []
