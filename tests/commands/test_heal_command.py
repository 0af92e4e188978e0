from __future__ import annotations

from pathlib import Path

import pytest
from said import Avss
from tiny_model import save_tiny_model
from transformers import AutoModelForCausalLM


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing")
def test_heal_by_training_and_take_it_home(avss: Avss, text: Path, tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model", blocks=4)
    asked = ["heal", "--remove", "1-2", "--model", model, "--dtype", "float32", "--corpus", text, "--length", 64]
    asked += ["--no-linear", "--steps", 3, "--sequences", 2, "--training-length", 64, "--rank", 4]
    asked += ["--objective", "distil", "--learning-rate", "0.01", "--evaluate-tokens", 500]
    healed = avss(*asked, "--export", tmp_path / "healed", "--json")
    assert (healed.status, healed.err) == (0, "")
    told = healed.json
    assert (told["removed"], told["kept"], told["maps"]) == ([1, 2], [0, 3], None)
    assert list(told["evaluations"]) == ["unpruned", "pruned", "trained", "control"]
    trained, control = (told["evaluations"][name]["value"] for name in ("trained", "control"))
    assert told["apart"]["trained"]["ratio"] == pytest.approx(trained / control)
    assert told["apart"]["trained"]["low"] <= told["apart"]["trained"]["ratio"] <= told["apart"]["trained"]["high"]
    assert told["apart"]["pruned"]["beside"] == "unpruned"
    assert [row["number"] for row in told["losses"]] == [1, 2, 3]
    assert all(row["pruned_logits"] > 0 and row["control_logits"] is None for row in told["losses"])
    assert told["training"]["tokens"] > 0
    assert told["training"]["seconds"] > 0
    assert all(Path(file).exists() for file in told["files"])
    assert len(told["files"]) == 2
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "healed")
    assert network.config.num_hidden_layers == 2
    assert told["export"]["verified"]["logits_max_difference"] < 1e-4

    again = avss(*asked)
    assert (again.status, again.err) == (0, "")
    assert told["run"] in again.out
    assert "unpruned + same training" in again.out
    assert "LoRA adapters of rank 4" in again.out


def test_slips_are_told_before_anything_is_done(avss: Avss) -> None:
    nothing = avss("heal", "--remove", "1", "--no-linear", "--steps", 0, "--json")
    assert nothing.status == 2
    assert "Neither maps nor training" in nothing.json["error"]
    assert "numbers such as 3,4,5" in avss("heal", "--remove", "x").err
    assert "learning rate" in avss("heal", "--remove", "1", "--learning-rate", 7).err
