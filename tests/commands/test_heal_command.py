from __future__ import annotations

from pathlib import Path

import pytest
import torch
from said import Avss
from tiny_model import save_tiny_model
from transformers import AutoModelForCausalLM

from avss_core.jobs.heal_results import HealResult


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

    # The healed network goes where the plain cut's would, by the beginning of the run's id.
    on = ["--remove", "1-2", "--model", model, "--dtype", "float32", "--healing", told["run"][:8]]
    judged = avss("prune", *on, "--task", "sentiment", "--max-examples", 8, "--corpus", text, "--json")
    assert (judged.status, judged.err) == (0, "")
    found = judged.json["healed"]
    assert found["run"] == told["run"]
    assert found["before"] == judged.json["before"]
    assert {found["after"]["n"], judged.json["after"]["n"]} == {8}
    assert found["retained_low"] <= found["retained"] <= found["retained_high"]
    same = ["--corpus", text, "--length", 64, "--max-tokens", 500]
    perplexity = avss("prune", *on, *same, "--json").json
    assert perplexity["after"]["value"] == pytest.approx(told["evaluations"]["pruned"]["value"])
    assert perplexity["healed"]["after"]["value"] == pytest.approx(trained, rel=1e-4)
    assert "healed" in avss("prune", *on, *same).out
    written = [
        avss("generate", "--prompt", "The sea", *options, "--max-new-tokens", 12, "--json").json
        for options in (on, on[:-2])
    ]
    assert [each["healing"] for each in written] == [told["run"], None]
    ids = torch.tensor([written[0]["original"]["prompt"]])
    expected = network.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :].tolist()
    assert written[0]["pruned"]["tokens"] == expected, "as the exported folder writes"
    assert written[1]["pruned"]["tokens"] != expected
    gain = avss("gain", *on, "--tokens", 16, "--prompt-tokens", 4, "--new-tokens", 3, "--rounds", 2, "--json")
    assert (gain.status, gain.err, gain.json["healing"]) == (0, "", told["run"])
    wrong = avss("gain", "--remove", "1", *on[2:], "--json")
    assert wrong.status == 2
    assert "healed the cut [1, 2], not [1]" in wrong.json["error"]
    by_score = avss("prune", "--method", "avss", "--rank", 2, *on[2:])
    assert by_score.status == 2
    assert "name that cut by --remove" in by_score.err


def test_a_map_that_stays_a_module_of_its_own_is_counted(avss: Avss, tiny_model: Path, text: Path) -> None:
    """Before the first block there is no projection to fold a map into."""
    on = ["--model", tiny_model, "--dtype", "float32"]
    maps = ["--corpus", text, "--steps", 0, "--map-tokens", 400, "--training-length", 64, "--evaluate-tokens", 500]
    told = avss("heal", "--remove", "0", *on, *maps, "--json").json
    added = told["maps"]["parameters_added"]
    assert added > 0
    healed = ["--remove", "0", "--healing", told["run"], *on, "--json"]
    gained = avss("gain", *healed, "--tokens", 16, "--prompt-tokens", 4, "--new-tokens", 3, "--rounds", 1).json
    counted = next(row for row in gained["rows"] if row["quantity"] == "parameters")
    pruned = avss("prune", *healed, "--corpus", text, "--max-tokens", 500).json
    for answer, less in ((gained, added), (pruned["healed"], added), (pruned, 0)):
        assert answer["parameters_removed"] == counted["original"] - counted["pruned"] + added - less
        share = answer["parameters_removed"] / counted["original"]
        assert answer["parameter_reduction"] == pytest.approx(share)


def test_only_maps_that_help_are_offered(
    avss: Avss, tiny_model: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["heal", "--remove", "1", "--model", tiny_model, "--dtype", "float32", "--corpus", text]
    asked += ["--steps", 0, "--map-tokens", 400, "--training-length", 64, "--evaluate-tokens", 500, "--json"]
    told = avss(*asked).json
    values = {name: each["value"] for name, each in told["evaluations"].items()}
    assert values["maps"] < values["pruned"]
    assert told["maps"]["offered"]
    assert [Path(file).name for file in told["files"]] == ["maps.npz"]
    monkeypatch.setattr(HealResult, "maps_help", False)
    told = avss(*asked).json
    assert (told["maps"]["offered"], told["maps"]["needed"], told["files"]) == (False, False, [])
    trained = [*asked, "--sequences", 1, "--rank", 2]
    trained[trained.index("--steps") + 1] = 1
    told = avss(*trained).json
    assert (told["maps"]["offered"], told["maps"]["needed"]) == (False, True)
    assert [Path(file).name for file in told["files"]] == ["maps.npz", "adapter", "control-adapter"]
    trained.remove("--json")
    assert "adapters were trained on top of the maps" in avss(*trained).out


def test_slips_are_told_before_anything_is_done(avss: Avss) -> None:
    nothing = avss("heal", "--remove", "1", "--no-linear", "--steps", 0, "--json")
    assert nothing.status == 2
    assert "Neither maps nor training" in nothing.json["error"]
    assert "numbers such as 3,4,5" in avss("heal", "--remove", "x").err
    assert "learning rate" in avss("heal", "--remove", "1", "--learning-rate", 7).err
    seed = avss("heal", "--remove", "1", "--seed", -1)
    assert seed.status == 2
    assert "seed must be 0 or more" in seed.err
