"""One healing through the workers, and the folder that plain transformers loads from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from tiny_model import save_tiny_model, write_documents
from transformers import AutoModelForCausalLM

from avss_core.corpora import CorpusSpec
from avss_core.corpora.read import read_corpus
from avss_core.corpora.windows import make_windows
from avss_core.jobs import EvaluateRequest, HealRequest, Jobs
from avss_core.jobs.export_results import export_request, exported_in
from avss_core.jobs.heal_results import finished_healings, heal_result, healed_files
from avss_core.models import ModelSpec
from avss_core.models.load import load_model
from avss_core.pruning.healing import LinearSettings, TrainingSettings
from avss_core.runs import Store
from avss_core.tasks import PERPLEXITY
from avss_core.variants.physical import pruned_network


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing")
def test_a_healing_runs_through_and_is_taken_home(store: Store, jobs: Jobs, tmp_path: Path) -> None:
    spec = ModelSpec(str(save_tiny_model(tmp_path / "model", blocks=4)), dtype="float32", device="cpu")
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", documents=24, characters=80)), length=48)
    training = TrainingSettings(steps=5, sequences=2, rank=4, learning_rate=1e-2, logits=1.0, teacher="control")
    request = HealRequest(spec, text, text.of_part("evaluate"), (1,), LinearSettings((1e-6,)), training)
    run = jobs.wait(jobs.submit(request).id)
    assert (run.status, run.error) == ("done", None)
    assert run.n_units == len(store.units(run.id)) == 1 + 3 + 1
    assert [each.id for each in finished_healings(store, spec.identity())] == [run.id]
    result = heal_result(store, run.id)
    assert list(result.evaluations) == ["unpruned", "pruned", "trained", "control"]
    assert result.maps is not None
    assert not result.maps["helps"]
    assert result.losses["pruned_logits"].notna().all()
    json.dumps(result.to_dict())

    cut_text = EvaluateRequest(spec, text.of_part("evaluate"), PERPLEXITY, ((), (1,)))
    asked = export_request(store, cut_text, (1,), "by hand", tmp_path / "exported", healing=run.id)
    exported = jobs.wait(jobs.submit(asked).id)
    assert (exported.status, exported.error) == ("done", None)
    found = exported_in(store, asked)
    assert found is not None

    # By the network's own loss, a window at a time, from the folder that another program would load.
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "exported").eval()
    model = load_model(spec)
    total, predicted = 0.0, 0
    for window in make_windows(read_corpus(request.evaluate), model.tokenizer):
        ids = torch.tensor([window.ids])
        with torch.no_grad():
            total += float(loaded(input_ids=ids, labels=ids).loss) * (len(window) - 1)
        predicted += len(window) - 1
    healed = result.evaluations["trained"].value
    assert float(torch.tensor(total / predicted).exp()) == pytest.approx(healed, rel=1e-4)
    card = (tmp_path / "exported" / "README.md").read_text()
    assert "LoRA adapters of rank 4" in card
    assert "after the same training" in card

    adapters = healed_files(store, run.id).adapter
    adapted = PeftModel.from_pretrained(pruned_network(model, (0, 2, 3)), str(adapters))
    ids = torch.arange(3, 40)[None]
    torch.testing.assert_close(adapted(ids).logits, loaded(ids).logits, rtol=1e-3, atol=1e-3)

    store.delete_run(run.id)
    assert not adapters.exists()
