"""The table from real runs of a random model, against the same done by hand in this process."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from rank_cases import as_numpy, states_of
from scipy.stats import sem, t
from tiny_model import tiny_network, tiny_tokenizer, write_documents

from avss_core.corpora import CorpusSpec, make_windows, read_corpus
from avss_core.importance.rank import rank
from avss_core.importance.settings import RankSettings
from avss_core.jobs import Jobs
from avss_core.jobs.table1 import next_step, progress, table1_frame
from avss_core.models import ModelSpec
from avss_core.models.load import wrap
from avss_core.runs import Run, Store
from avss_core.studies.table1 import Row, Table1Study

RunPlan = Callable[[Table1Study], list[Run]]
METHODS = ("block_influence", "avss@update", "random")


@pytest.fixture
def text(tmp_path: Path) -> str:
    return str(write_documents(tmp_path / "text.jsonl", documents=40, characters=60))


def study_of(model: Path, text: str, **settings: object) -> Table1Study:
    spec = ModelSpec(str(model), dtype="float32")
    return Table1Study(
        **{"models": (spec,), "asked": (f"perplexity:{text}",), "methods": METHODS, "repeats": 3, **settings},  # type: ignore[arg-type]
        fraction=0.34,
    )


def loss_here(corpus: CorpusSpec, removed: list[int]) -> float:
    """Mean loss of the network with these layers deleted, by its own loss, a window at a time."""
    network, total, predicted = tiny_network(), 0.0, 0
    network.model.layers = torch.nn.ModuleList(
        layer for index, layer in enumerate(network.model.layers) if index not in removed
    )
    network.config.num_hidden_layers -= len(removed)
    for window in make_windows(read_corpus(corpus), tiny_tokenizer()):
        ids = torch.tensor([window.ids])
        with torch.inference_mode():
            total += float(network(input_ids=ids, labels=ids, use_cache=False).loss) * (len(window) - 1)
        predicted += len(window) - 1
    return total / predicted


def lowest_here(row: Row, number: int, method: str) -> int:
    windows = make_windows(read_corpus(row.sample(number, 3)), tiny_tokenizer())
    [ranking] = rank(wrap(tiny_network(), tiny_tokenizer()), windows, RankSettings((method,)))
    return int(np.argmin(ranking.scores))


def test_the_table_is_what_the_same_by_hand_gives(store: Store, run_plan: RunPlan, tiny_model: Path, text: str) -> None:
    study = study_of(tiny_model, text)
    [row] = study.rows()
    empty = table1_frame(store, study)
    assert list(empty["note"].unique()) == ["not run yet"]
    assert empty["value"].isna().all()

    runs = run_plan(study)
    assert [run.kind for run in runs] == ["evaluate", "rank", "rank", "rank", "evaluate"]
    assert {run.status for run in runs} == {"done"}
    frame = table1_frame(store, study).set_index("method")
    whole = loss_here(row.held_out, [])
    assert frame.loc["original", "value"] == pytest.approx(math.exp(whole), rel=1e-5)

    drawn = [int(np.argmin(np.random.default_rng(seed).random(3))) for seed in range(3)]
    for method in METHODS:
        cuts = drawn if method == "random" else [lowest_here(row, number, method) for number in range(3)]
        losses = [loss_here(row.held_out, [cut]) for cut in cuts]
        cell = frame.loc[method]
        assert cell["value"] == pytest.approx(math.exp(np.mean(losses)), rel=1e-5)
        assert cell["retained"] == pytest.approx(math.exp(whole - np.mean(losses)), rel=1e-5)
        if len(set(cuts)) > 1:
            low, high = t.interval(0.95, 2, loc=np.mean(losses), scale=sem(losses))
            assert (cell["low"], cell["high"]) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-4)
        assert sum(int(part.split("(")[1][:-2]) for part in cell["removed"].split("; ")) == cell["repeats"] == 3
        assert set(cuts) == {int(part.split(" (")[0]) for part in cell["removed"].split("; ")}
        assert cell["note"] == ""
    assert len(set(drawn)) > 1, "otherwise no interval is looked at"
    total = sum(parameter.numel() for parameter in tiny_network().parameters())
    block = sum(parameter.numel() for parameter in tiny_network().model.layers[0].parameters())
    assert frame.loc["random", "parameter_reduction"] == pytest.approx(block / total)

    assert run_plan(study) == [], "what is in the store is not run again"
    assert progress(store, study).step is None


def test_the_angular_distance_removes_its_best_stretch(
    store: Store, run_plan: RunPlan, text: str, tmp_path: Path
) -> None:
    def network() -> torch.nn.Module:
        """Block 1 writes little, so that the two blocks that turn the state least are no neighbours."""
        random = tiny_network(6)
        with torch.no_grad():
            random.model.layers[1].self_attn.o_proj.weight.mul_(0.02)
            random.model.layers[1].mlp.down_proj.weight.mul_(0.02)
        return random

    network().save_pretrained(tmp_path / "uneven")
    tiny_tokenizer().save_pretrained(tmp_path / "uneven")
    study = study_of(tmp_path / "uneven", text, methods=("angular",), repeats=2)
    run_plan(study)
    cell = table1_frame(store, study).set_index("method").loc["angular"]
    model, cuts = wrap(network(), tiny_tokenizer()), []
    for number in range(2):
        windows = make_windows(read_corpus(study.rows()[0].sample(number, 2)), tiny_tokenizer())
        last = np.stack([[state[-1] for state in as_numpy(states_of(model, window))] for window in windows])
        unit = last / np.linalg.norm(last, axis=-1, keepdims=True)
        turn = {n: np.arccos((unit[:, :-n] * unit[:, n:]).sum(axis=-1)).mean(axis=0) for n in (1, 2)}
        cuts.append((int(turn[2].argmin()), int(turn[2].argmin()) + 1))
        assert set(cuts[-1]) != set(turn[1].argsort()[:2].tolist()), "else nothing is told apart"
    expected = Counter(" ".join(map(str, cut)) for cut in cuts)
    assert cell["removed"] == "; ".join(f"{cut} ({times}×)" for cut, times in expected.most_common())


def test_another_method_takes_only_what_is_new(store: Store, run_plan: RunPlan, tiny_model: Path, text: str) -> None:
    run_plan(study_of(tiny_model, text))
    wider = study_of(tiny_model, text, methods=(*METHODS, "magnitude"))
    kinds = [run.spec.get("settings", {}).get("methods") for run in run_plan(wider)]
    assert kinds[:3] == [["magnitude"]] * 3
    assert len(kinds) <= 4, "and at most one more evaluation"


def test_a_row_that_cannot_be_had_says_why_and_the_others_go_on(
    store: Store, run_plan: RunPlan, tiny_model: Path, text: str, tmp_path: Path
) -> None:
    there, missing = ModelSpec(str(tiny_model), dtype="float32"), ModelSpec(str(tmp_path / "gone"))
    study = study_of(tiny_model, text, models=(missing, there), methods=("magnitude",), repeats=2)
    runs = run_plan(study)
    assert runs[0].status == "failed"
    frame = table1_frame(store, study).set_index(["model", "method"])
    gone = frame.loc[missing.source]
    assert gone["value"].isna().all()
    assert gone["note"].str.startswith(f"not at hand: {missing.source} (There is no folder").all()
    assert frame.loc[there.source]["value"].notna().all()
    assert next_step(store, study) is None
    again = next_step(store, study, since=(runs[0].finished or 0) + 1)
    assert again is not None
    assert again.request.model == missing, "asked for again, it is tried again"


def test_samples_that_are_empty_leave_the_rest_of_the_cell(
    store: Store, run_plan: RunPlan, tiny_model: Path, tmp_path: Path
) -> None:
    text = str(write_documents(tmp_path / "few.jsonl", documents=8, characters=60))
    study = study_of(tiny_model, text, methods=("magnitude",), repeats=9)
    run_plan(study)
    frame = table1_frame(store, study).set_index("method")
    assert 1 <= frame.loc["magnitude", "repeats"] < 9
    assert "samples failed" in frame.loc["magnitude", "note"]
    assert "ask for fewer subsets" in frame.loc["magnitude", "note"]


def test_a_cut_that_breaks_the_model_does_not_take_the_others_with_it(
    store: Store, jobs: Jobs, tiny_model: Path, text: str
) -> None:
    # A seed that draws the two blocks which are not the smallest, so that no two cuts are the same.
    smallest = lowest_here(study_of(tiny_model, text).rows()[0], 0, "magnitude")
    first_drawn = [int(np.argmin(np.random.default_rng(seed).random(3))) for seed in range(100)]
    seed = next(n for n in range(99) if sorted([smallest, *first_drawn[n : n + 2]]) == [0, 1, 2])
    study = study_of(tiny_model, text, methods=("magnitude", "random"), repeats=2, seed=seed)
    while (step := next_step(store, study)) is not None and "cuts on" not in step.what:
        jobs.wait(jobs.submit(step.request).id)
    assert step is not None

    together = step.request
    run = store.start_run(together.run_id(), together.kind, together.to_dict())
    assert run is not None
    store.end_run(run.id, run.attempt, "failed", "The loss is not finite.")
    notes = table1_frame(store, study).set_index("method")["note"]
    assert notes["random"] == "0 of 2 samples: The loss is not finite."
    asked = []
    while (step := next_step(store, study)) is not None:
        asked.append(step.request)
        assert jobs.wait(jobs.submit(step.request).id).status == "done"
    assert together not in asked, "what has failed is not tried again, but its cuts are, by method"
    assert len(asked) == 2
    assert (table1_frame(store, study)["note"] == "").all()
