"""What the commands answer: the keys and columns that scripts rely on."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from said import Avss
from tiny_model import tiny_network, tiny_tokenizer
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

from avss_core.commands.answer import answer, records
from avss_core.commands.blocks import parse_blocks
from avss_core.corpora import CorpusSpec, make_windows, read_corpus
from avss_core.errors import SettingError
from avss_core.models.load import wrap

COLUMNS = ["block", "site", "n", "mean", "variance", "std", "variance_share", "sparsity", "sparsity_min"]
COLUMNS += ["sparsity_max", "sparsity_share", "sparsity_deviation", "avss", "avss_share", "avss_cumulative"]
COLUMNS += ["l1", "l2", "frobenius", "floored"]
EVALUATION = {"task", "metric", "value", "low", "high", "n"}


def test_profile_then_scores(avss: Avss, tiny_model: Path, text: Path) -> None:
    profiled = avss("profile", "--model", tiny_model, "--corpus", text, "--length", 64, "--json")
    assert (profiled.status, profiled.err) == (0, "")
    assert {"run", "blocks", "tokens", "seconds"} <= profiled.json.keys()
    assert profiled.json["blocks"] == 3
    assert 0 < profiled.json["tokens"] < 4000
    assert profiled.json["tokens"] == 200 * profiled.json["documents"]
    again = avss("profile", "--model", tiny_model, "--corpus", text, "--length", 64, "--json")
    assert again.json == profiled.json, "it was found, not done again"

    run = profiled.json["run"]
    scored = avss("scores", run[:6], "--site", "update", "--epsilon", "0.1sigma", "--skip-first-token", "--json")
    assert (scored.status, scored.err) == (0, "")
    assert (scored.json["run"], scored.json["site"], scored.json["epsilon"]) == (run, "update", "0.1σ")
    rows = scored.json["rows"]
    assert [row["block"] for row in rows] == [0, 1, 2]
    assert list(rows[0])[: len(COLUMNS)] == COLUMNS
    windows = profiled.json["documents"] * 4  # of 64, 64, 64 and 8 tokens
    assert {row["n"] for row in rows} == {(profiled.json["tokens"] - windows) * 32}
    assert sum(row["avss_share"] for row in rows) == pytest.approx(1)
    assert rows[-1]["avss_cumulative"] == pytest.approx(1)
    assert {type(row["floored"]) for row in rows} == {bool}

    for people in (avss("scores", run), avss("profile", "--model", tiny_model, "--corpus", text, "--length", 64)):
        assert (people.status, people.err) == (0, "")
        assert run in people.out


def test_scores_as_the_authors_script(avss: Avss, tiny_model: Path, text: Path) -> None:
    on = ("--model", tiny_model, "--corpus", text, "--length", 64, "--dtype", "float32")
    run = avss("profile", *on, "--json").json["run"]
    scored = avss("scores", run, "--preset", "authors", "--json")
    assert (scored.status, scored.err) == (0, "")
    assert (scored.json["preset"], scored.json["epsilon"]) == ("authors", 1e-5)
    rows = scored.json["rows"]
    assert [row["block"] for row in rows] == [0, 1, 2]
    model = wrap(tiny_network(), tiny_tokenizer())
    windows = make_windows(read_corpus(CorpusSpec(str(text), part="profile", length=64)), model.tokenizer)
    outputs: list[list[np.ndarray]] = [[] for _ in model.blocks]
    for index, block in enumerate(model.blocks):
        block.register_forward_hook(
            lambda _block, _args, out, index=index: outputs[index].append(out[0].double().mean(dim=0).numpy())
        )
    for window in windows:
        model.network(input_ids=torch.tensor([window.ids]))
    for row, means in zip(rows, outputs, strict=True):
        assert row["n"] == len(windows) * 32
        assert row["variance"] == pytest.approx(np.mean([mean.var(ddof=1) for mean in means]), rel=1e-5)
        assert row["gradient_l1"] > row["gradient_l2"] > 0
        assert row["weight_frobenius"] > 0

    for_people = avss("scores", run, "--preset", "authors")
    assert (for_people.status, for_people.err) == (0, "")
    assert "gradient_l2" in for_people.out


def test_a_site_that_is_missing_is_told_with_the_profile(avss: Avss, tiny_model: Path, text: Path) -> None:
    """Also where the run is to stop when stable, which is judged at the first site that is there."""
    folder = text.parent / "mixture"
    shutil.copytree(tiny_model, folder)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "moe_intermediate_size": 16, "num_attention_heads": 2}
    ranks = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8}
    experts = {"n_routed_experts": 4, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2, "n_shared_experts": 1}
    depth = {"num_hidden_layers": 4, "first_k_dense_replace": 1, "num_key_value_heads": 2}
    torch.manual_seed(0)
    vocabulary = tiny_network().config.vocab_size
    config = DeepseekV3Config(**sizes, **ranks, **experts, **depth, vocab_size=vocabulary, max_position_embeddings=256)
    DeepseekV3ForCausalLM(config).save_pretrained(folder)
    asked = ("profile", "--model", folder, "--corpus", text, "--length", 64, "--sites", "mlp,residual")
    asked += ("--stop-when-stable", "0.25", "--all-documents")
    profiled = avss(*asked, "--json")
    assert (profiled.status, profiled.err) == (0, "")
    assert profiled.json["missing"].keys() == {"mlp"}
    assert "shared expert" in profiled.json["missing"]["mlp"]
    assert "shared expert" in avss(*asked).out


def test_prune_by_hand(avss: Avss, tiny_model: Path, text: Path) -> None:
    pruned = avss("prune", "--remove", "1", "--model", tiny_model, "--corpus", text, "--json")
    assert (pruned.status, pruned.err) == (0, "")
    values = pruned.json
    assert {"kept", "removed", "before", "after", "retained", "parameter_reduction"} <= values.keys()
    assert (values["kept"], values["removed"]) == ([0, 2], [1])
    assert values["judged_on"] == "held-out documents"
    assert values["before"].keys() == values["after"].keys() == EVALUATION
    assert values["before"]["low"] <= values["before"]["value"] <= values["before"]["high"]
    assert values["retained"] == pytest.approx(values["before"]["value"] / values["after"]["value"])
    assert 0 < values["parameter_reduction"] < 1 / 3
    history = avss("runs", "list", "--json").json["runs"]
    assert [run["kind"] for run in history] == ["evaluate"], "blocks named by hand need no profile"
    people = avss("prune", "--remove", "1", "--model", tiny_model, "--corpus", text)
    assert (people.status, people.err) == (0, "")
    assert "removed              1\n" in people.out
    assert len(avss("runs", "list", "--json").json["runs"]) == 1, "an evaluated cut is free"


@pytest.mark.parametrize("rule", ["--fraction", "--threshold"])
def test_prune_by_score_removes_what_the_scores_say(avss: Avss, tiny_model: Path, text: Path, rule: str) -> None:
    common = ("--model", tiny_model, "--corpus", text, "--json")
    run = avss("profile", *common).json["run"]
    rows = avss("scores", run, "--site", "update", "--json").json["rows"]
    lowest, next_lowest, _ = sorted(rows, key=lambda row: row["avss_share"])
    between = (lowest["avss_share"] + next_lowest["avss_share"]) / 2
    value = {"--fraction": 0.34, "--threshold": between}[rule]
    pruned = avss("prune", "--method", "avss", rule, value, "--site", "update", *common)
    assert (pruned.status, pruned.err) == (0, "")
    assert pruned.json["removed"] == [lowest["block"]]


def test_prune_with_protected_blocks(avss: Avss, tiny_model: Path, text: Path) -> None:
    common = ("--method", "avss", "--fraction", "0.34", "--model", tiny_model, "--corpus", text, "--json")
    assert avss("prune", *common, "--protect-first", 1, "--protect-last", 1).json["removed"] == [1]
    assert avss("prune", *common, "--protect-first", 2).json["removed"] == [2]


def test_all_documents_are_used_when_asked(avss: Avss, tiny_model: Path, text: Path) -> None:
    common = ("--model", tiny_model, "--corpus", text, "--json")
    assert avss("profile", "--all-documents", *common).json["tokens"] == 4000
    assert avss("prune", "--all-documents", "--remove", "0", *common).json["before"]["n"] == 20
    assert avss("profile", "--all-documents", "--max-tokens", 250, *common).json["tokens"] == 250


def test_the_history(avss: Avss, tiny_model: Path, text: Path, tmp_path: Path) -> None:
    assert avss("runs", "list", "--json").json == {"runs": []}
    run = avss("profile", "--model", tiny_model, "--corpus", text, "--json").json["run"]
    (line,) = avss("runs", "list", "--json").json["runs"]
    assert (line["run"], line["kind"], line["status"]) == (run, "profile", "done")
    assert (line["model"], line["corpus"]) == (str(tiny_model), str(text))
    shown = avss("runs", "show", run[:5], "--json").json
    assert shown["units"] == shown["units_finished"] >= 1
    assert shown["facts"]["blocks"] == 3

    target = tmp_path / "run.zip"
    assert avss("runs", "export", run, "--to", target, "--json").json == {"run": run, "file": str(target)}
    with zipfile.ZipFile(target) as archive:
        assert json.loads(archive.read("run.json"))["id"] == run
        assert len(archive.namelist()) == 1 + shown["units"]

    assert avss("runs", "delete", run[:5], "--json").json == {"deleted": run}
    assert avss("runs", "list", "--json").json == {"runs": []}
    for people in ("list", "--help"):
        assert avss("runs", people).status == 0


def test_what_there_is(avss: Avss, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "perplexity" in [task["task"] for task in avss("tasks", "--json").json["tasks"]]
    assert {"name", "direction", "cost"} <= avss("methods", "--json").json["methods"][0].keys()
    (essays,) = (row for row in avss("corpora", "--json").json["corpora"] if row["corpus"] == "sample:essays")
    assert essays["profiled"] + essays["evaluated"] == essays["documents"] > 20

    monkeypatch.setattr("avss_core.commands.models.default_folder", lambda tell: tmp_path / "default")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "none"))
    said = avss("models", "--json").json
    assert said["default_folder"] == str(tmp_path / "default")
    assert said["models"][0] == {"model": "default", "kind": "default", "where": str(tmp_path / "default")}
    methods = avss("methods").out
    paragraphs = {text.partition(":")[0]: " ".join(text.split()) for text in methods.split("\n\n")}
    for card in avss("methods", "--json").json["methods"]:
        for key in ("paper", "url", "needs", "cost", "asks", "direction", "sees", "blind_to", "our_reading"):
            assert card[key] in paragraphs[card["name"]]
    assert "patents The authors of AttnLRP write" in paragraphs["attnlrp"]
    for name in ("tasks", "methods", "corpora", "models"):
        people = avss(name)
        assert (people.status, people.err) == (0, "")
        assert people.out


def test_the_doctor(avss: Avss, workers: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = avss("doctor", "--json")
    findings = {finding["what"]: finding for finding in said.json["findings"]}
    assert (said.status, said.json["healthy"]) == (0, True)
    assert workers in findings["workers"]["found"]
    assert findings["torch"]["found"].startswith("2.")
    assert "auto is " in findings["device"]["found"]
    assert str(tmp_path / "runs.db") in findings["store"]["found"]

    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("AVSS_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("AVSS_SCHEDULER", "tcp://127.0.0.1:9")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    said = avss("doctor", "--store", tmp_path / "file" / "runs.db", "--json")
    assert (said.status, said.json["healthy"]) == (1, False)
    broken = {finding["what"]: finding["advice"] for finding in said.json["findings"] if not finding["works"]}
    assert broken.keys() == {"cache folder", "default model", "store", "workers", "chromium (for the tests)"}
    assert "AVSS_CACHE" in broken["cache folder"]
    assert "missing" in avss("doctor").out


def test_an_answer_is_json_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"x": [np.float64("nan"), 1.5], "ok": [True, False], "n": np.array([1, 2], dtype=np.int64)})
    values = {"rows": records(frame), "worst": float("inf"), "σ": (np.float32(0.5), None), 3: "three"}
    answer(values, as_json=True)
    said = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert said == {
        "rows": [{"x": None, "ok": True, "n": 1}, {"x": 1.5, "ok": False, "n": 2}],
        "worst": None,
        "σ": [0.5, None],
        "3": "three",
    }


def test_blocks_are_read_as_people_write_them() -> None:
    assert parse_blocks("3,4,5") == (3, 4, 5)
    assert parse_blocks(" 7 , 0-2,2 ") == (0, 1, 2, 7)
    for wrong in ("", ",", "3,,4", "-1", "5-3", "1.5", "²", "a", "1-2-3", "0-999999999", "1e3"):
        with pytest.raises(SettingError, match="numbers such as 3,4,5 or 3-5"):
            parse_blocks(wrong)
