"""`avss gain`, `avss generate`, and the folder that `--export DIR` writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from safetensors import safe_open
from said import Avss

from avss_core.commands.export_cut import check_export_folder, export_cut
from avss_core.commands.session import Workers, run_to_end
from avss_core.corpora import CorpusSpec
from avss_core.errors import BadInput, SettingError
from avss_core.jobs import EvaluateRequest
from avss_core.models import ModelSpec
from avss_core.runs import Store

SMALL = ("--tokens", 16, "--prompt-tokens", 4, "--new-tokens", 3, "--rounds", 2)


def test_gain(avss: Avss, tiny_model: Path) -> None:
    asked = ("gain", "--remove", "0,1", "--model", tiny_model, "--dtype", "float32", *SMALL)
    said = avss(*asked, "--json")
    assert (said.status, said.err) == (0, "")
    values = said.json
    assert (values["kept"], values["removed"], values["dtype"]) == ([2], [0, 1], "float32")
    rows = {row["quantity"]: row for row in values["rows"]}
    gone = rows["parameters"]["original"] - rows["parameters"]["pruned"]
    assert values["parameters_removed"] == gone
    assert values["parameter_reduction"] == pytest.approx(gone / rows["parameters"]["original"])
    assert {"forward_tokens_per_second", "seconds_to_first_token", "seconds_per_token", "peak_bytes"} <= rows.keys()
    assert avss(*asked, "--json").json == values, "it was found, not measured again"
    again = avss(*asked, "--again", "--json").json
    assert again["rows"] != values["rows"], "no two measurements take the same time"
    people = avss(*asked)
    assert (people.status, people.err) == (0, "")
    assert "forward pass" in people.out


def test_generate(avss: Avss, tiny_model: Path) -> None:
    asked = ("generate", "--prompt", "The sea", "--remove", "1", "--model", tiny_model, "--dtype", "float32")
    said = avss(*asked, "--max-new-tokens", 5, "--json")
    assert (said.status, said.err) == (0, "")
    values = said.json
    assert (values["kept"], values["removed"], values["prompt"]) == ([0, 2], [1], "The sea")
    assert [len(values[which]["tokens"]) for which in ("original", "pruned")] == [5, 5]
    assert values["original"]["prompt"] == values["pruned"]["prompt"]
    assert values["original"]["tokens_per_second"] > 0
    assert 0 <= values["same_tokens"] <= 5
    drawn = avss(*asked, "--temperature", 1.5, "--seed", 7, "--json").json
    assert drawn["sampling"] == {"max_new_tokens": 64, "temperature": 1.5, "top_p": 1.0, "seed": 7, "chat": False}
    people = avss(*asked, "--max-new-tokens", 5)
    assert (people.status, people.err) == (0, "")
    assert "pruned" in people.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("gain --remove 0-2 --model {model}", r"removes all 3 blocks; keep at least one"),
        ("gain --remove 9 --model {model}", r"no block 9 to remove"),
        ("gain --remove x --model {model}", r"numbers such as 3,4,5 or 3-5"),
        ("gain --remove 1 --rounds 0 --model {model}", r"at least 1 round"),
        ("gain --model {model}", r"Missing option '--remove'.*see --help"),
        ("generate --remove 1 --model {model}", r"Missing option '--prompt'.*see --help"),
        ("generate --remove 1 --prompt . --top-p 0 --model {model}", r"top_p must lie above 0"),
        ("generate --remove 1 --prompt . --chat --model {model}", r"has no chat template; ask without --chat"),
        ("generate --remove 1 --prompt . --max-new-tokens 999 --model {model}", r"more than the 512 positions"),
        ("generate --remove 1 --prompt . --model {bert}", r"BertForMaskedLM does not predict the next token.*causal"),
    ],
)
def test_refusals(avss: Avss, tiny_model: Path, encoder: Path, arguments: str, sentence: str) -> None:
    said = avss(*arguments.format(model=tiny_model, bert=encoder).split(), "--json")
    assert said.status == 2, said
    assert re.fullmatch(rf"avss: .*{sentence}.*\n", said.err), said.err
    assert json.loads(said.out) == {"error": said.err.removeprefix("avss: ").strip()}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT."""
    from ascii_tokenizer import ascii_tokenizer
    from random_models import build

    folder = tmp_path_factory.mktemp("models") / "bert"
    build("bert").save_pretrained(folder)
    ascii_tokenizer().save_pretrained(folder)
    return folder


def test_export_of_an_evaluated_cut(
    tmp_path: Path, tiny_model: Path, text: Path, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    store, folder = Store(str(tmp_path / "runs.db")), tmp_path / "taken" / "home"
    corpus = CorpusSpec(str(text), part="evaluate", length=64)
    request = EvaluateRequest(ModelSpec(str(tiny_model), dtype="float32"), corpus, "perplexity", ((), (0, 2)))
    with Workers(store) as session:
        run_to_end(session, request)
        values = export_cut(session, request, (2, 0), "named by hand", folder)
        assert json.loads(json.dumps(values, allow_nan=False)) == values
        assert (values["folder"], values["here"], values["evaluations"]) == (str(folder), True, 1)
        assert (values["kept"], values["removed"], values["zip"]) == ([1], [0, 2], None)
        verified = values["verified"]
        assert (verified["logits_max_difference"], verified["greedy_text_equal"]) == (0, True)
        with safe_open(folder / "model.safetensors", "pt") as file:
            blocks = {int(name.split(".")[2]) for name in file.keys() if ".layers." in name}  # noqa: SIM118
        assert blocks == {0}
        assert set(values["files"]) == {file.name for file in folder.iterdir()}

        with pytest.raises(SettingError, match="is not empty, and is not overwritten; choose a new one"):
            export_cut(session, request, (0, 2), "named by hand", folder)
        for file in folder.iterdir():
            file.unlink()
        again = export_cut(session, request, (0, 2), "named by hand", folder)
        assert (folder / "config.json").is_file(), "the folder was emptied, so the model is written again"
        assert again["files"] == values["files"]
        with pytest.raises(BadInput, match="There is no block 7"):
            export_cut(session, request, (7,), "named by hand", tmp_path / "other")
        assert not (tmp_path / "other").exists()


def test_a_folder_that_cannot_be_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingError, match="is not a folder; choose another"):
        check_export_folder(tmp_path / "file")
    with pytest.raises(SettingError, match="is not empty"):
        check_export_folder(tmp_path)
    assert check_export_folder(tmp_path / "new") == tmp_path / "new"
