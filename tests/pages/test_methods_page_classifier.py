"""The Methods page for a classifier: what it can be asked, and no perplexity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from methods_runs import numbers, opened, quiet, rank_into, traces
from random_models import ENCODERS
from tiny_model import VOCABULARY, tiny_tokenizer, write_documents
from transformers import DistilBertForSequenceClassification

from avss_core.corpora.spec import CorpusSpec
from avss_core.models.load import load_model
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store

METHODS = ("gbis", "lrp", "cim", "ablation")
BLOCKS = 4


def test_a_classifier_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    config = ENCODERS["distilbert"](BLOCKS)
    config.update({"vocab_size": len(VOCABULARY), "num_labels": 3})
    torch.manual_seed(0)
    network = DistilBertForSequenceClassification(config).eval()
    with torch.no_grad():  # biases start at 0
        for name, weights in network.named_parameters():
            if name.endswith("bias"):
                weights.add_(0.1 * torch.randn_like(weights))
    network.save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    spec = ModelSpec(str(tmp_path / "model"), dtype="float32")
    corpus = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", 12, 40)), length=64)
    windows = rank_into(store, spec, corpus, load_model(spec), METHODS)

    page = opened(METHODS)
    page.session_state["methods-view"] = "Scores"
    quiet(page.run())
    assert "shapley" not in page.multiselect("rank-methods").options
    table = page.dataframe[0].value.set_index("method")
    assert table.loc["ablation", "spearman"] == pytest.approx(1.0)
    assert table["perplexity"].isna().all()
    assert "evaluate-quarters" not in [button.key for button in page.button], "it has no perplexity"
    (told,) = [text.value for text in page.caption if text.value.startswith("**lrp**")]
    assert "biases of linear layers and norms: their share belongs to no input (" in told, "how much and why"

    blocks = network.distilbert.transformer.layer

    def log_p(ids: torch.Tensor, without: int | None) -> torch.Tensor:
        network.distilbert.transformer.layer = torch.nn.ModuleList(
            block for number, block in enumerate(blocks) if number != without
        )
        with torch.no_grad():
            return network(input_ids=ids).logits[0].double().log_softmax(dim=-1)

    divergence = np.zeros((BLOCKS, len(windows)))
    for place, window in enumerate(windows):
        ids = torch.tensor([window.ids])
        whole = log_p(ids, None)
        for block in range(BLOCKS):
            divergence[block, place] = float((whole.exp() * (whole - log_p(ids, block))).sum())
    cim = traces(page, 1)["cim"]
    assert numbers(cim["y"]) == pytest.approx(divergence.mean(axis=1).tolist(), rel=2e-3)
    assert numbers(cim["error_y"]["array"]) == pytest.approx(divergence.std(axis=1).tolist(), rel=5e-3)
