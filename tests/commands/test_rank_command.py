"""What `avss rank` answers: agreement against SciPy, options that make a difference, and networks that not all fits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
from said import Avss, Said
from scipy.stats import kendalltau, spearmanr
from tiny_model import VOCABULARY, tiny_network, tiny_tokenizer

from avss_core.corpora import CorpusSpec, make_windows, read_corpus
from avss_core.importance.registry import NAMES
from avss_core.runs import Store

M = 3
PREDICTION = "a network that predicts the next token or one of several classes"
NEXT_TOKEN = "a network that predicts the next token"
HEAD = "a network with a head, so that there is a loss"


@pytest.fixture
def common(tiny_model: Path, text: Path) -> tuple[object, ...]:
    return ("--model", tiny_model, "--dtype", "float32", "--corpus", text, "--max-tokens", 600)


def encoder(folder: Path, kind: type, **settings: object) -> Path:
    """A random BERT of three blocks with this head, and its tokenizer, in a folder."""
    torch.manual_seed(0)
    widths = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": M}
    config = hf.BertConfig(vocab_size=len(VOCABULARY), initializer_range=0.2, pad_token_id=0, **widths, **settings)
    kind(config).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def line_of(said: Said, method: str) -> str:
    """A method's row in the table for people."""
    (line,) = re.findall(rf"^│ {re.escape(method)} +│.*$", said.out, re.MULTILINE)
    return str(line)


def test_all_methods_and_their_agreement(avss: Avss, common: tuple[object, ...]) -> None:
    said = avss("rank", *common, "--json")
    assert (said.status, said.err) == (0, "")
    methods, agreement = said.json["methods"], said.json["agreement"]
    assert tuple(methods) == tuple(agreement) == NAMES
    assert said.json["left_out"] == {}
    truth = methods["ablation"]["scores"]
    for name in NAMES:
        scores = methods[name]["scores"]
        assert len(scores) == M
        assert methods[name]["direction"] == "lowest is removed first"
        assert methods[name]["seconds"] >= 0
        found = agreement[name]
        for key, measure in (("spearman", spearmanr), ("kendall", kendalltau)):
            if len(set(scores)) == 1:
                assert found[key] is None
                continue
            assert found[key] == pytest.approx(float(measure(scores, truth).statistic), abs=1e-9), (name, key)
            assert found[f"{key}_low"] <= found[key] + 1e-9
            assert found[key] <= found[f"{key}_high"] + 1e-9

    people = avss("rank", *common)
    assert (people.status, people.err) == (0, "")
    for name in ("lrp", "lrp_alpha_beta", "attnlrp"):
        error = methods[name]["details"]["conservation_error"]
        assert f" {error:.4g} " in line_of(people, name)
    for name in NAMES:
        cells = line_of(people, name)
        assert " ".join(map(str, methods[name]["removal_order"])) in cells
        if agreement[name]["spearman"] is not None:
            low, high = agreement[name]["spearman_low"], agreement[name]["spearman_high"]
            assert f"{agreement[name]['spearman']:.2f} ({low:.2f} – {high:.2f})" in cells
        if methods[name]["peak_bytes"] is not None:
            assert f" {methods[name]['peak_bytes'] / 2**20:.4g} " in cells


def test_costs_say_which_device_they_are_of(avss: Avss, common: tuple[object, ...], tmp_path: Path) -> None:
    asked = ("rank", "--method", "block_influence,gbis,random", *common, "--device", "cpu")
    here = {"block_influence": "cpu", "gbis": "cpu", "random": None, "ablation": "cpu"}
    methods = avss(*asked, "--json").json["methods"]
    assert {name: found["device"] for name, found in methods.items()} == here
    store = Store(str(tmp_path / "runs.db"))
    (gradients,) = [run for run in store.runs("rank") if "gbis" in run.spec["settings"]["methods"]]
    store.add_facts(gradients.id, gradients.attempt, device="cuda:0")  # as if it had been measured there, once
    methods = avss(*asked, "--json").json["methods"]
    assert {name: found["device"] for name, found in methods.items()} == here | {"gbis": "cuda:0"}
    assert " cuda:0 " in line_of(avss(*asked), "gbis")


def test_the_budget_is_for_shapley(avss: Avss, common: tuple[object, ...]) -> None:
    enough, short = (
        avss("rank", "--method", "shapley", "--budget", budget, *common, "--json").json["methods"]["shapley"]
        for budget in (2**M - 1, 2**M - 2)
    )
    assert (enough["details"], enough["block_runs"]) == ({"exact": True}, 2**M - 1)
    assert short["details"]["exact"] is False
    assert short["block_runs"] >= 2**M - 2
    refused = avss("rank", "--method", "shapley", "--budget", 0, *common)
    assert (refused.status, refused.out) == (2, "")


def test_epsilon_says_what_is_silent(avss: Avss, common: tuple[object, ...], text: Path) -> None:
    network, outputs = tiny_network(), []
    windows = make_windows(read_corpus(CorpusSpec(str(text), part="profile", max_tokens=600)), tiny_tokenizer())
    for layer in network.model.layers:
        layer.register_forward_hook(lambda _block, _args, output, kept=outputs: kept.append(output))
    with torch.no_grad():
        for window in windows:
            network(input_ids=torch.tensor([window.ids]))
    for epsilon in (0.05, 0.5):
        said = avss("rank", "--method", "sparsity", "--epsilon", epsilon, *common, "--json")
        active = [
            np.concatenate([output.abs().flatten().numpy() for output in outputs[block::M]]) >= epsilon
            for block in range(M)
        ]
        assert said.json["methods"]["sparsity"]["scores"] == pytest.approx([a.mean() for a in active], abs=2e-3)


def test_blocks_without_a_silent_number_are_flagged(avss: Avss, common: tuple[object, ...]) -> None:
    asked = ("rank", "--method", "avss,avss@mlp", "--epsilon", "1e-12", *common)
    said, people = avss(*asked, "--json").json["methods"], avss(*asked)
    assert [said[name]["details"]["floored"] for name in ("avss", "avss@mlp")] == [[0, 1, 2]] * 2
    assert "S = 0, as 1/N" in people.out
    assert line_of(people, "avss").split("│")[-3].strip() == "all"
    none = avss("rank", "--method", "avss", "--epsilon", "0.5", *common)
    assert "S = 0" not in none.out


def test_all_that_fits_a_masked_model(avss: Avss, text: Path, tmp_path: Path) -> None:
    on = ("--model", encoder(tmp_path / "masked", hf.BertForMaskedLM), "--corpus", text, "--max-tokens", 300)
    said = avss("rank", *on, "--json")
    assert said.status == 0
    assert said.json["left_out"] == {"cim": PREDICTION, "ablation": PREDICTION, "shapley": NEXT_TOKEN}
    assert tuple(said.json["methods"]) == tuple(name for name in NAMES if name not in said.json["left_out"])
    assert said.json["agreement"] == {}, "there is no yardstick"
    assert said.err == (
        "avss: Left out, since they ask for what BertForMaskedLM is not: "
        f"cim and ablation ({PREDICTION}); shapley ({NEXT_TOKEN}).\n"
    )
    people = avss("rank", *on)
    assert (people.status, people.err) == (0, said.err)
    assert "spearman" not in people.out
    assert line_of(people, "gbis")

    for named in ("avss", "lrp", "random"):
        alone = avss("rank", "--method", named, *on, "--json")
        assert (alone.status, list(alone.json["methods"])) == (0, [named])
        assert alone.json["left_out"] == {"ablation": PREDICTION}
        assert alone.json["methods"][named]["scores"] == said.json["methods"][named]["scores"]
    for named, pretty in (("ablation", "Ablation (oracle)"), ("shapley,avss", "Shapley")):
        refused = avss("rank", "--method", named, *on)
        assert (refused.status, refused.out) == (2, "")
        assert refused.err.startswith(f"avss: {pretty} asks for a network")
        assert "cim" not in refused.err.lower()


def test_all_that_fits_a_network_without_a_head(avss: Avss, text: Path, tmp_path: Path) -> None:
    on = ("--model", encoder(tmp_path / "bare", hf.BertModel), "--corpus", text, "--max-tokens", 300)
    said = avss("rank", *on, "--json")
    assert said.status == 0
    assert {said.json["left_out"][name] for name in ("gbis", "taylor", "lrp", "attnlrp", "lrp_alpha_beta")} == {HEAD}
    assert "avss" in said.json["methods"]
    assert avss("rank", "--method", "avss,angular", *on).status == 0
    refused = avss("rank", "--method", "avss,gbis", *on)
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "GBIS" in refused.err


@pytest.mark.parametrize(("classes", "left_out"), [(3, ["shapley"]), (1, ["cim", "ablation", "shapley"])])
def test_all_that_fits_a_classifier(avss: Avss, text: Path, tmp_path: Path, classes: int, left_out: list[str]) -> None:
    model = encoder(tmp_path / "classifier", hf.BertForSequenceClassification, num_labels=classes)
    said = avss("rank", "--model", model, "--corpus", text, "--max-tokens", 300, "--json")
    assert said.status == 0
    assert list(said.json["left_out"]) == left_out
    assert tuple(said.json["methods"]) == tuple(name for name in NAMES if name not in left_out)
    assert said.err.count("\n") == 1
    assert "BertForSequenceClassification" in said.err
    assert ("ablation" in said.json["agreement"]) == (classes > 1)
