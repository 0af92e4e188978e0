"""The few lines of Python are run as a user would run them; what is left is the network that an export would hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from ascii_tokenizer import CHAT_TEMPLATE, ascii_tokenizer
from random_models import build

from avss_core.models.load import load_model
from avss_core.models.spec import ModelSpec
from avss_core.pruning.export import cut_program
from avss_core.variants.physical import pruned_network

KEPT = (0, 3)
IDS = torch.tensor([[5, 40, 41, 7, 90, 33, 34, 35, 100, 17, 4, 60]])  # longer than the sliding windows


def run(program: str) -> Any:
    names: dict[str, Any] = {}
    exec(program, names)
    return names["model"]


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen2", "gemma3"])
def test_the_program_leaves_the_blocks_out(
    name: str, chat: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(name).save_pretrained(tmp_path)
    ascii_tokenizer(CHAT_TEMPLATE if chat else None).save_pretrained(tmp_path)
    spec = ModelSpec(str(tmp_path), dtype="float32", device="cpu")
    facts = {"predicts_next_token": True, "dtype": "float32", "chat_template": chat}
    program = cut_program(spec, KEPT, facts)
    assert program is not None
    left = run(program)
    assert left.config.num_hidden_layers == 2
    with torch.no_grad():
        ours = left(input_ids=IDS).logits
        theirs = pruned_network(load_model(spec), KEPT)(input_ids=IDS).logits
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert capsys.readouterr().out.strip(), "it prints what the model writes"


def test_an_encoder_fills_in_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build("bert").save_pretrained(tmp_path)
    ascii_tokenizer().save_pretrained(tmp_path)
    facts = {"predicts_next_token": False, "architecture": "BertForMaskedLM", "dtype": "float32"}
    program = cut_program(ModelSpec(str(tmp_path)), KEPT, facts)
    assert program is not None
    assert len(run(program).bert.encoder.layer) == 2
    assert capsys.readouterr().out


def test_where_the_weights_are_read_from(tmp_path: Path) -> None:
    facts = {"predicts_next_token": True}
    default = cut_program(ModelSpec(), KEPT, facts) or ""
    assert 'source = "HuggingFaceTB/SmolLM2-135M-Instruct"' in default
    assert "rounded to 4 bits" in default.splitlines()[0], "the hub's weights are not those that were cut"
    hub = cut_program(ModelSpec("owner/name", revision="v2"), KEPT, facts) or ""
    assert '.from_pretrained(source, revision="v2")' in hub
    file = cut_program(ModelSpec(str(tmp_path / "some.gguf")), KEPT, facts) or ""
    assert f'source = "{tmp_path}"' in file
    assert 'gguf_file="some.gguf"' in file
    assert cut_program(ModelSpec("in-memory"), KEPT, facts) is None
