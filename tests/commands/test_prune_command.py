"""`avss prune` by any method, rule, target and task; numbers against what the store keeps of each document."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from said import Avss
from tiny_model import save_tiny_model, write_documents

from avss_core.commands.prune_cut import choose
from avss_core.commands.prune_options import CutOptions
from avss_core.commands.prune_scores import Scored
from avss_core.corpora import CorpusSpec
from avss_core.jobs import EvaluateRequest
from avss_core.models import ModelSpec
from avss_core.runs import Store

BLOCKS = 5


@pytest.fixture(scope="module")
def deep_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of five blocks."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "deep", blocks=BLOCKS)


@pytest.fixture
def on(deep_model: Path, tmp_path: Path) -> tuple[object, ...]:
    """The model, and a text of 1,200 tokens."""
    text = write_documents(tmp_path / "text.jsonl", documents=20, characters=60)
    return ("--model", deep_model, "--dtype", "float32", "--corpus", text, "--json")


def scores(avss: Avss, on: tuple[object, ...], method: str) -> list[float]:
    found = avss("rank", "--method", method, "--max-tokens", 100_000, *on).json["methods"][method]["scores"]
    assert len(found) == BLOCKS
    return list(found)


def lowest(values: list[float], n: int) -> list[int]:
    return sorted(sorted(range(BLOCKS), key=lambda block: values[block])[:n])


def test_by_another_method(avss: Avss, on: tuple[object, ...]) -> None:
    pruned = avss("prune", "--method", "block_influence", "--rank", 2, "--max-tokens", 100_000, *on)
    assert (pruned.status, pruned.err) == (0, "")
    assert pruned.json["removed"] == lowest(scores(avss, on, "block_influence"), 2)
    assert pruned.json["method"] == "block_influence"
    at_update = avss("prune", "--method", "variance@update", "--fraction", 0.4, "--max-tokens", 100_000, *on).json
    assert at_update["removed"] == lowest(scores(avss, on, "variance@update"), 2)


def test_at_random(avss: Avss, on: tuple[object, ...]) -> None:
    pruned = avss("prune", "--method", "random", "--rank", 2, "--max-tokens", 1000, *on)  # the store is new
    assert (pruned.status, pruned.err) == (0, "")
    assert pruned.json["removed"] == lowest(scores(avss, on, "random"), 2)


def test_what_a_copied_database_has_lost_is_measured_again(avss: Avss, on: tuple[object, ...], tmp_path: Path) -> None:
    asked = ("prune", "--method", "block_influence", "--rank", 2, "--max-tokens", 1000, *on)
    first = avss(*asked).json
    shutil.rmtree(Store(str(tmp_path / "runs.db")).folder)
    again = avss(*asked)
    assert (again.status, again.err) == (0, "")
    assert again.json == first


def test_one_stretch(avss: Avss, on: tuple[object, ...]) -> None:
    pruned = avss("prune", "--method", "avss", "--rank", 2, "--contiguous", *on).json
    run = avss("profile", *on).json["run"]
    avss_of = [row["avss"] for row in avss("scores", run, "--json").json["rows"]]
    first = min(range(BLOCKS - 1), key=lambda block: avss_of[block] + avss_of[block + 1])
    assert pruned["removed"] == [first, first + 1]
    assert pruned["judged_on"] == "held-out documents"
    turned = avss("prune", "--method", "angular", "--rank", 2, "--max-tokens", 100_000, *on).json
    ranked = avss("rank", "--method", "angular", "--max-tokens", 100_000, *on).json["methods"]["angular"]
    (best,) = (found["first"] for found in ranked["details"]["stretches"] if found["n"] == 2)
    assert turned["removed"] == [best, best + 1]


@pytest.mark.parametrize("how_far", [{"rank": 2}, {"fraction": 0.5}, {"parameters": 0.5}], ids=str)
def test_the_angular_distance_removes_a_stretch_and_not_its_lowest_scores(how_far: dict[str, float]) -> None:
    scores, turns = [0.3, 0.1, 0.4, 0.1], {1: [0.3, 0.1, 0.4, 0.1], 2: [0.5, 0.6, 0.2], 3: [0.7, 0.3]}
    options = CutOptions(method="angular", **how_far)  # type: ignore[arg-type]
    unpruned = EvaluateRequest(ModelSpec(), CorpusSpec(), "perplexity", ((),))

    def cut(scored: Scored) -> tuple[int, ...]:
        return choose(None, unpruned, options, scored)[0].removed  # type: ignore[arg-type]

    assert cut(Scored(scores, [10] * 4, 40, turns=turns)) == (2, 3)
    assert cut(Scored(scores, [10] * 4, 40)) == (1, 3)


def test_the_authors_rule_and_a_share_of_parameters(avss: Avss, on: tuple[object, ...]) -> None:
    run = avss("profile", *on).json["run"]
    rows = avss("scores", run, "--json").json["rows"]
    pruned = avss("prune", "--method", "avss", "--cumulative", 0.5, *on).json
    assert pruned["removed"] == [row["block"] for row in rows if row["avss_cumulative"] <= 0.5]
    two = avss("prune", "--method", "avss", "--rank", 2, *on).json
    share = two["parameter_reduction"]
    assert avss("prune", "--method", "avss", "--parameters", share * 0.99, *on).json["removed"] == two["removed"]
    assert len(avss("prune", "--method", "avss", "--parameters", share * 1.01, *on).json["removed"]) == 3


def test_the_most_that_keeps_a_share(avss: Avss, on: tuple[object, ...], tmp_path: Path) -> None:
    asked = ("prune", "--method", "avss", "--keep-performance", 0.6, *on)
    pruned = avss(*asked)
    assert (pruned.status, pruned.err) == (0, "")
    target = pruned.json["target"]
    assert [cutoff["removed"] for cutoff in target["cutoffs"]] == list(range(BLOCKS))
    assert target["complete"]
    run = avss("profile", *on).json["run"]
    avss_of = [row["avss"] for row in avss("scores", run, "--json").json["rows"]]
    store, losses = Store(str(tmp_path / "runs.db")), []
    kept = {
        tuple(found["kept"]): found["key"] for each in store.runs("evaluate") for found in store.evaluations_of(each.id)
    }
    for n in range(BLOCKS):
        whole = tuple(block for block in range(BLOCKS) if block not in lowest(avss_of, n))
        evaluation = store.evaluation(kept[whole])
        assert evaluation is not None
        losses.append(evaluation.examples["nll"].sum() / evaluation.examples["tokens"].sum())
    retained = [math.exp(losses[0] - loss) for loss in losses]
    assert [cutoff["retained"] for cutoff in target["cutoffs"]] == pytest.approx(retained)
    n = max(n for n, share in enumerate(retained) if share >= 0.6)
    assert pruned.json["removed"] == lowest(avss_of, n)
    assert target["gaps"] == [m for m in range(n) if retained[m] < 0.6]
    before = len(avss("runs", "list", "--json").json["runs"])
    assert avss(*asked).json == pruned.json
    assert len(avss("runs", "list", "--json").json["runs"]) == before, "what was evaluated is free"


def test_where_models_write_no_block_run_is_shared(avss: Avss, on: tuple[object, ...], tmp_path: Path) -> None:
    """A random model knows nothing, of which no share can be kept; then what it wrote is taken for the answers."""
    file = tmp_path / "questions.jsonl"
    asked = ("prune", "--method", "avss", "--task", "closed_book", "--task-corpus", file, "--keep-performance", 0.6)
    asked += ("--all-documents",)

    def write(answers: dict[str, str]) -> None:
        rows = [{"question": question, "answers": [answer]} for question, answer in answers.items()]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    questions = [f"Which town lies {n} miles north of here?" for n in range(6)]
    write(dict.fromkeys(questions, "nowhere to be found"))
    unknowing = avss(*asked, *on)
    assert unknowing.status == 2
    assert "The accuracy of the unpruned model (closed_book) is 0 here" in unknowing.json["error"]

    store = Store(str(tmp_path / "runs.db"))
    (run,) = store.runs("evaluate")
    (whole,) = [found["key"] for found in store.evaluations_of(run.id) if len(found["kept"]) == BLOCKS]
    evaluation = store.evaluation(whole)
    assert evaluation is not None
    said_of = dict(zip(evaluation.examples["document"], evaluation.examples["answer"], strict=True))
    write({question: said_of.get(n, "not asked") for n, question in enumerate(questions)})
    said = avss(*asked, *on)
    assert (said.status, said.err) == (0, "")
    whole_to_one_block = sum(range(1, BLOCKS + 1))
    target = said.json["target"]
    assert (target["block_runs"], target["block_runs_naive"]) == (whole_to_one_block, whole_to_one_block)


def test_another_task_by_column_mapping_with_all_its_metrics(
    avss: Avss, on: tuple[object, ...], tmp_path: Path
) -> None:
    rows = [{"frage": f"What is {n} and {n}?", "wahl": [str(2 * n), "a cow"], "richtig": 0} for n in range(12)]
    (tmp_path / "choices.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = ("--task", "multiple_choice", "--task-corpus", tmp_path / "choices.jsonl", "--remove", "1,2")
    columns = ("--task-columns", "question=frage, choices=wahl, answer=richtig")
    said = avss("prune", *task, *columns, *on)
    assert (said.status, said.err) == (0, "")
    values = said.json
    assert values["before"]["metric"] == "accuracy"
    assert values["metrics"].keys() == {"accuracy", "accuracy_by_sum"}
    assert values["metrics"]["accuracy"]["before"] == values["before"]
    by_sum = values["metrics"]["accuracy_by_sum"]
    assert by_sum["before"]["n"] == values["before"]["n"] <= 12
    if by_sum["before"]["value"]:
        assert by_sum["retained"] == pytest.approx(by_sum["after"]["value"] / by_sum["before"]["value"])
    people = avss("prune", *task, *columns, *on[:-1])
    assert people.status == 0
    assert "accuracy_by_sum" in people.out
    missing = avss("prune", *task, *on)
    assert missing.status == 2
    assert 'has no column "question" (there are: frage, wahl, richtig)' in missing.err


def test_the_cut_is_taken_home(avss: Avss, on: tuple[object, ...], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    said = avss("prune", "--remove", "1", "--export", tmp_path / "home", *on)
    assert (said.status, said.err) == (0, "")
    assert said.json["export"]["removed"] == [1]
    reloaded = AutoModelForCausalLM.from_pretrained(tmp_path / "home")
    assert reloaded.config.num_hidden_layers == BLOCKS - 1
    again = avss("prune", "--remove", "1", "--export", tmp_path / "home", *on)
    assert again.status == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--method gbis --threshold 0.1", "--threshold compares shares of AVSS, which gbis does not have"),
        ("--method gbis --cumulative 0.1", "--cumulative compares shares of AVSS, which gbis does not have"),
        ("--method avss@mlp --site update --rank 1", "name two sites; give one of them"),
        ("--method gbis --site update --rank 1", "GBIS (gradient) is not measured at a site ('gbis@update')"),
        ("--method avss --rank -1", "number of blocks to remove must not be negative; -1 is"),
        ("--method avss --parameters 1.2", "share of parameters to remove must lie between 0 and 1; 1.2 does not"),
        ("--method avss --keep-performance 0", "must be positive, such as 0.9; 0 is not"),
        ("--method avss --rank 1 --surely", "--surely says how --keep-performance is meant"),
        ("--remove 1 --contiguous", "--remove says by itself which blocks go; leave --contiguous out"),
        ("--method avss --threshold 0.1 --contiguous", "--threshold says by itself which blocks go"),
        ("--remove 1 --task-columns question=x", "Perplexity reads text: name its column by --column"),
        ("--remove 1 --task-split test", "--task-config and --task-split are of a --task-corpus"),
        ("--remove 1 --task qa --task-columns soul=x", 'A column cannot mean "soul"'),
        ("--remove 1 --task qa --max-examples 0", "number of examples to read must be at least 1"),
        ("--remove 1 --task sentiment --task-corpus sample:none", 'no sample set "none"'),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(avss: Avss, arguments: str, sentence: str) -> None:
    said = avss("prune", *arguments.split(), "--json")
    assert said.status == 2
    assert sentence in said.json["error"]
    assert said.err == f"avss: {said.json['error']}\n"


def test_more_than_may_go(avss: Avss, on: tuple[object, ...]) -> None:
    protected = ("--method", "avss", "--contiguous", "--protect-first", 2, "--protect-last", 1)
    assert "it can be 2 at most" in avss("prune", "--rank", 3, *protected, *on).json["error"]
    assert "less than the 90.0% asked for" in avss("prune", "--parameters", 0.9, *protected, *on).json["error"]
