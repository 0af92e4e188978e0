"""A classifier of DistilBERT's kind goes through the whole table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from random_models import ENCODERS
from tiny_model import VOCABULARY, tiny_tokenizer
from transformers import DistilBertForSequenceClassification

from avss_core.jobs.table1 import table1_frame
from avss_core.jobs.table1.cuts import kept_evaluation
from avss_core.jobs.table1.requests import original_of
from avss_core.models import ModelSpec
from avss_core.models.load import load_model
from avss_core.runs import Run, Store
from avss_core.studies.table1 import Table1Study
from avss_core.tasks import read_task, task_named

RunPlan = Callable[[Table1Study], list[Run]]
LABELS = {0: "NEGATIVE", 1: "POSITIVE"}


@pytest.fixture(scope="module")
def distilbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random DistilBERT of four blocks with a head of two classes, in its folder."""
    folder = tmp_path_factory.mktemp("models") / "distilbert"
    config = ENCODERS["distilbert"](4)
    config.update({"vocab_size": len(VOCABULARY), "id2label": LABELS, "label2id": {v: k for k, v in LABELS.items()}})
    torch.manual_seed(0)
    DistilBertForSequenceClassification(config).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def test_distilbert_is_ranked_cut_and_asked(store: Store, run_plan: RunPlan, distilbert: Path) -> None:
    spec = ModelSpec(str(distilbert), dtype="float32")
    model = load_model(spec)
    assert (model.n_blocks, model.blocks_path) == (4, "distilbert.transformer.layer")
    study = Table1Study(
        (spec,),
        ("sentiment", "qa"),
        ("gbis", "lrp", "cim", "avss", "random", "shapley"),
        repeats=2,
        calibration_tokens=200,
        held_out_tokens=1500,
    )
    run_plan(study)
    frame = table1_frame(store, study)
    sentiment = frame[frame["task"] == "sentiment"].set_index("method")
    for method in ("original", "gbis", "lrp", "cim", "avss", "random"):
        assert 0 <= sentiment.loc[method, "value"] <= 1
        assert sentiment.loc[method, "note"] == ""
    assert sentiment.loc["avss", "repeats"] == sentiment.loc["cim", "repeats"] == 2
    assert sentiment.loc["cim", "removed"]
    assert sentiment.loc["shapley", "note"] == "needs a network that predicts the next token"
    assert sentiment["value"].isna()["shapley"]
    qa = frame[frame["task"] == "qa"]
    assert qa["value"].isna().all()
    assert qa["note"].str.contains("does not predict the next token").all()

    row = study.rows()[0]
    kept = kept_evaluation(store, original_of(row), ())
    assert kept is not None
    texts = {example.id: example for example in read_task(task_named("sentiment"), row.held_out)}
    right = []
    for asked in kept.examples["example"]:
        ids = model.tokenizer(texts[asked].text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            chosen = int(model.network(input_ids=ids).logits.argmax())
        right.append(LABELS[chosen].lower() == texts[asked].label)
    assert kept.examples["correct"].tolist() == right
    assert sentiment.loc["original", "value"] == pytest.approx(sum(right) / len(right))
