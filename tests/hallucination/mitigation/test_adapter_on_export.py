"""The trained adapter on a folder that the export wrote, read back by transformers and peft alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from tiny_model import tiny_network, tiny_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from avss_core.hallucination.mitigation import MitigationSettings
from avss_core.hallucination.mitigation.for_cut import adapter_for_cut
from avss_core.hallucination.mitigation.teach import ContrastiveTraining, Told
from avss_core.models.load import wrap
from avss_core.pruning import Cut
from avss_core.pruning.export.folder import export_pruned
from avss_core.variants.physical import pruned_network

CUT = Cut((1,), 4, "named by hand")


def test_the_exported_folder_with_the_adapter_is_the_trained_network(tmp_path: Path) -> None:
    model = wrap(tiny_network(blocks=4), tiny_tokenizer())
    random = np.random.default_rng(0)
    told = [Told((5, 6, 7), tuple(random.integers(2, 200, 3).tolist()), row % 2 == 0) for row in range(8)]
    training = ContrastiveTraining(
        model, told, (1, 3), MitigationSettings(steps=6, answers=4, rank=4, learning_rate=1e-2)
    )
    for _ in training.steps():
        pass
    trained, adapter = training.finish()
    adapter.save(tmp_path / "adapter")

    exported = export_pruned(model, CUT, tmp_path / "exported").folder
    fitted = adapter_for_cut(tmp_path / "adapter", model.blocks_path, CUT.kept, tmp_path / "fitted")
    tokenizer = AutoTokenizer.from_pretrained(exported)
    ids = torch.tensor([tokenizer("Who wrote Emma?")["input_ids"]])
    alone = AutoModelForCausalLM.from_pretrained(exported)
    in_memory = pruned_network(wrap(trained, model.tokenizer), CUT.kept)

    def greedy(network: torch.nn.Module) -> str:
        return tokenizer.decode(
            network.generate(input_ids=ids, max_new_tokens=12, min_new_tokens=12, do_sample=False)[0]
        )

    with torch.no_grad():
        untouched, said_untouched = alone(input_ids=ids).logits, greedy(alone)
        adapted = PeftModel.from_pretrained(alone, str(fitted)).eval()
        expected = in_memory(input_ids=ids).logits
        torch.testing.assert_close(adapted(input_ids=ids).logits, expected, rtol=1e-4, atol=1e-4)
        assert (untouched - expected).abs().max() > 1e-2, "the training changed what is compared"
    assert greedy(adapted) == greedy(in_memory) != said_untouched
