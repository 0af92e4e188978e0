"""What the commands refuse: one sentence on standard error that says what to do, and exit status 2."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from said import Avss

PICK = "Say either --remove 3,4,5, or --method with one of --fraction, --threshold, --rank, --cumulative, "


def assert_refused(avss: Avss, arguments: tuple[object, ...], sentence: str, status: int = 2) -> None:
    for as_json in ((), ("--json",)):
        said = avss(*arguments, *as_json)
        assert said.status == status, said
        assert re.fullmatch(rf"avss: .*{sentence}.*\n", said.err), said.err
        assert said.out == (json.dumps({"error": said.err.removeprefix("avss: ").strip()}) + "\n" if as_json else "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("profile --model ./nowhere", r"There is no folder .*nowhere; give a folder"),
        ("profile --model {tmp}/cut.gguf", r"not a whole GGUF file .*download it again"),
        ("profile --model {tmp}/pickled", r"only pickle weights \(pytorch_model\.bin\).*convert them"),
        ("profile --model {model} --corpus {tmp}/empty.txt", r"empty\.txt (is empty|has no text)"),
        ("profile --model {model} --corpus {tmp}/none.txt", r"no file or folder .*none\.txt"),
        ("profile --model {model} --corpus sample:esays", r"no sample set .*esays.*essays"),
        ("profile --model {model} --sites soul", r"no site 'soul'; the sites are residual"),
        ("profile --model {model} --sites ,", r"No site was chosen; the sites are residual"),
        ("profile --model {model} --dtype int4", r"dtype 'int4' is not known; choose one of auto"),
        ("profile --model {model} --device abacus", r"device 'abacus' is not known; choose auto"),
        ("profile --model {model} --length 0", r"length of a window must be at least 1"),
        ("profile --model {model} --max-tokens -5", r"number of tokens to read must be at least 1"),
        ("profile --store nosuch://here", r"store nosuch://here cannot be opened.*give another --store"),
        ("profile --model ~nosuch/x", r"~nosuch/x cannot be looked at \(Could not .* home directory\); give a hub id"),
        ("profile --model {long}", r"x cannot be looked at \(File name too long\); give a hub id"),
        ("profile --model {long}.gguf", r"x\.gguf cannot be looked at \(File name too long\); give a hub id"),
        (
            "profile --model {model} --corpus ~nosuch/x",
            r"~nosuch/x cannot be looked at .*; give another file or folder",
        ),
        (
            "profile --model {model} --corpus {tmp}/{long}",
            r"cannot be looked at \(File name too long\); give another file",
        ),
        ("profile --store ~nosuch/runs.db", r"~nosuch/runs\.db cannot be looked at .*; give another --store"),
        ("prune --remove 1 --export ~nosuch/x", r"~nosuch/x cannot be looked at .*; choose another folder"),
        ("prune --remove 1 --export {long}", r"x cannot be written \(File name too long\); choose another folder"),
        ("mitigate --adapter {long}", r"x cannot be looked at \(File name too long\); name another folder"),
        ("scores abcdef", r"There is no run 'abcdef' in .*runs\.db; `avss runs list` shows"),
        ("scores abcdef --epsilon 0", r"ε must be a positive number.*default is 0\.01"),
        ("scores abcdef --epsilon -0.5", r"ε must be a positive number"),
        ("scores abcdef --preset authors --site update", r"preset authors .* takes no --site; leave"),
        ("scores abcdef --preset authors --epsilon -5", r"preset authors .* takes no --epsilon; leave"),
        ("scores abcdef --preset authors --skip-first-token", r"preset authors .* takes no --skip-first-token; leave"),
        ("scores abcdef --seed -1", r"seed must be 0 or more and below 2\*\*63, not -1"),
        ("scores abcdef --preset authors --seed 1", r"preset authors .* takes no --seed; leave"),
        ("scores abcdef --preset author", r"no preset 'author'; the presets are pooled and authors"),
        ("scores abcdef --epsilon some", r"ε must be a number such as 0\.01"),
        ("prune", PICK),
        ("prune --remove 1 --method avss", PICK),
        ("prune --method avss", PICK),
        ("prune --method avss --fraction 0.1 --threshold 0.1", PICK),
        ("prune --fraction 0.1", PICK),
        ("prune --remove 1 --fraction 0.1", PICK),
        ("prune --method magic --fraction 0.1", r"no method 'magic' to score blocks by.*methods are random"),
        ("prune --method avss --fraction 1.5", r"share of blocks to remove must lie between 0 and 1; 1\.5 does not"),
        ("prune --method avss --fraction nan", r"share of blocks to remove must lie between 0 and 1"),
        ("prune --method avss --threshold inf", r"threshold must be a number"),
        ("prune --method avss --fraction 0.1 --epsilon 0", r"ε must be a positive number"),
        ("prune --method avss --fraction 0.1 --site soul", r"no site 'soul'"),
        ("prune --remove 1 --task poetry", r"no task 'poetry' \(there are: perplexity"),
        ("prune --remove one,two", r"numbers such as 3,4,5 or 3-5; 'one' is none"),
        ("prune --remove -1", r"numbers such as 3,4,5 or 3-5; '-1' is none"),
        ("prune --remove 0-2 {on}", r"removes all 3 blocks; keep at least one"),
        ("prune --remove 3 {on}", r"no block 3 to remove: the model has blocks 0 to 2"),
        ("prune --method avss --fraction 1 {on}", r"removes all 3 blocks; keep at least one"),
        ("prune --method avss --fraction 0.7 --protect-first 2 {on}", r"only 1 of 3 are not protected; remove fewer"),
        ("runs show xyz", r"There is no run 'xyz'"),
        ("runs delete xyz", r"There is no run 'xyz'"),
        ("runs export xyz", r"There is no run 'xyz'"),
        ("serve --port 0", r"Invalid value for '--port'.*see --help"),
        ("serve --address 999.1.1.1", r"dashboard cannot listen on 999\.1\.1\.1:8501 .*give another --port"),
        ("serve --store /dev/null/x.db", r"/dev/null/x\.db cannot be opened .*give another --store"),
        ("profile --lenght 5", r"No such option: --lenght .*--length.*see --help"),
        ("profile --length many", r"Invalid value for '--length'.*see --help"),
        ("profil", r"No such command 'profil'.*profile.*see --help"),
        ("scores", r"Missing argument 'run'.*see --help"),
    ],
)
def test_one_sentence_and_status_2(
    avss: Avss, tiny_model: Path, text: Path, tmp_path: Path, arguments: str, sentence: str
) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
    (tmp_path / "pickled").mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "pickled" / name).write_bytes((tiny_model / name).read_bytes())
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"could run anything")
    on = f"--model {tiny_model} --corpus {text}"
    asked = arguments.format(tmp=tmp_path, model=tiny_model, on=on, long="x" * 300).split()
    if asked[0] == "serve":  # it has no --json
        said = avss(*asked)
        assert (said.status, said.out) == (2, "")
        assert re.fullmatch(rf"avss: .*{sentence}.*\n", said.err)
    else:
        assert_refused(avss, tuple(asked), sentence)


def test_a_run_that_is_not_what_a_command_needs(avss: Avss, tiny_model: Path, text: Path) -> None:
    on = ("--model", tiny_model, "--corpus", text)
    avss("prune", "--remove", "1", *on)
    (evaluated,) = avss("runs", "list", "--json").json["runs"]
    assert_refused(avss, ("scores", evaluated["run"]), "is a run of kind evaluate, not a profile")
    run = avss("profile", "--sites", "update", *on, "--json").json["run"]
    assert_refused(avss, ("scores", run, "--site", "residual"), "did not measure site 'residual'; it has update")
    assert_refused(avss, ("runs", "export", run, "--to", "/dev/null/x.zip"), "cannot be written .*another --to")


def test_a_failure_inside_ends_with_status_1_and_says_where(avss: Avss, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("avss_core.commands.runs.Store", broken)
    said = avss("runs", "list", "--json")
    assert said.status == 1
    assert said.json == {"error": "Internal failure (ZeroDivisionError: division by zero); the lines above say where."}
    assert "Traceback" in said.err
    assert said.err.endswith("the lines above say where.\n")


def test_a_failed_job_of_ours_ends_with_status_1(avss: Avss, tmp_path: Path, text: Path) -> None:
    import torch
    from tiny_model import tiny_network, tiny_tokenizer

    network = tiny_network()
    with torch.no_grad():
        network.model.layers[0].mlp.down_proj.weight.fill_(torch.finfo(torch.float32).max)
    network.save_pretrained(tmp_path / "huge")
    tiny_tokenizer().save_pretrained(tmp_path / "huge")
    asked = ("profile", "--model", tmp_path / "huge", "--dtype", "float32", "--corpus", text)
    assert_refused(avss, asked, "not finite", status=1)


def test_without_a_command_the_help_is_shown(avss: Avss) -> None:
    for arguments in ((), ("runs",)):
        said = avss(*arguments)
        assert (said.status, said.err) == (2, "")
        assert "Usage" in said.out
