"""The table of the README on a tiny network: its numbers against pruned networks, and that nothing is done twice."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from tiny_model import tiny_network, tiny_tokenizer, write_documents

from avss_core.corpora import CorpusSpec, make_windows, read_corpus
from avss_core.models.load import wrap
from avss_core.pruning.healing.split import some_windows
from avss_core.pruning.random_cuts import random_cuts
from avss_core.variants.physical import pruned_network

ROOT = Path(__file__).parents[2]
M = 8
SIZES = (2,)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, on a random network of eight blocks."""
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.wikitext_table as script

    model = wrap(tiny_network(M, 16), tiny_tokenizer())
    monkeypatch.setattr(script, "default_model", lambda dtype: model)
    return script


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "articles.jsonl", documents=12, characters=150)


def perplexity_here(text: Path, removed: tuple[int, ...], part: str = "evaluate") -> float:
    """exp(mean loss) of the physically pruned network on the first windows of the part's documents."""
    whole = wrap(tiny_network(M, 16), tiny_tokenizer())
    network = pruned_network(whole, [block for block in range(M) if block not in removed])
    windows = make_windows(read_corpus(CorpusSpec(str(text), part=part, length=64)), tiny_tokenizer())
    total = predicted = 0.0
    for window in some_windows(windows, 256):
        ids = torch.tensor([window.ids])
        with torch.inference_mode():
            total += float(network(input_ids=ids, labels=ids).loss) * (len(window) - 1)
        predicted += len(window) - 1
    return math.exp(total / predicted)


def run(script: ModuleType, monkeypatch: pytest.MonkeyPatch, text: Path, *more: str) -> None:
    sizes = [
        "--calibrate",
        "256",
        "--fit",
        "256",
        "--evaluate",
        "256",
        "--length",
        "64",
        "--shares",
        "0.25",
        "--draws",
        "3",
    ]
    kept = ["--keep", str(text.with_name("kept.json")), "--beam", "2", "--lora-steps", "1", "--dtype", "float32"]
    monkeypatch.setattr(sys, "argv", ["table", "--path", str(text), *sizes, *kept, *more])
    script.main()


def test_the_table(
    table: ModuleType, monkeypatch: pytest.MonkeyPatch, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = "magnitude,angular,avss@update,ablation"
    run(table, monkeypatch, text, "--methods", methods)
    said = capsys.readouterr().out
    assert "min in all: ranking" in said
    lines = [line.strip("| ").split(" | ") for line in said.splitlines() if line.startswith("|")]
    header, rows = lines[0], {line[0]: line[1:] for line in lines[2:]}
    assert header == ["blocks chosen by", "25% (2)"]
    assert set(list(rows)[:2]) == {"greedy search", "beam search, 2 wide"}
    assert {"Weight magnitude", "Angular distance, best stretch", "AVSS, update", "Ablation (oracle)"} < set(rows)
    healings = [name for name in rows if name.startswith("greedy search + ")]
    assert len(healings) == 4
    assert "nothing removed + 1 steps of LoRA" in rows, "the whole model that was given the same"

    gone: tuple[int, ...] = ()
    for _ in range(2):
        tried = [tuple(sorted((*gone, block))) for block in range(M) if block not in gone]
        gone = min(tried, key=lambda cut: perplexity_here(text, cut, "profile"))
    assert rows["greedy search"] == [table.short(perplexity_here(text, gone))]
    drawn = [sorted(perplexity_here(text, cut) for cut in random_cuts(M, size, draws=3)) for size in SIZES]
    assert rows["random, median of 3 (lowest – highest)"] == [
        f"{table.short(found[1])} ({table.short(found[0])} – {table.short(found[2])})" for found in drawn
    ]
    assert f"nothing removed: {table.short(perplexity_here(text, ()))} " in said

    def nothing(*_: object) -> None:
        raise AssertionError("it is kept")

    for name in ("rank", "greedy_steps", "beam_steps"):
        monkeypatch.setattr(f"benchmarks.wikitext_cuts.{name}", nothing)
    for name in ("heal_linear", "Training"):
        monkeypatch.setattr(f"benchmarks.wikitext_healing.{name}", nothing)
    monkeypatch.setattr(table, "say_how_long", lambda *_: None)  # it times the network
    monkeypatch.setattr(table.perplexity, "score", nothing)
    run(table, monkeypatch, text, "--methods", methods)
    again = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert again == [line for line in said.splitlines() if line.startswith("|")]


def test_methods_are_ordered_by_what_they_lose(table: ModuleType) -> None:
    values = {(): 5.0, (0,): 50.0, (1,): 7.0, (0, 1): 90.0, (2, 3): 5000.0, (2,): 6.0, (1, 2): 8.0}
    cuts = {
        "a": {1: (0,), 2: (2, 3)},
        "b": {1: (1,), 2: (0, 1)},
        "greedy search": {1: (2,), 2: (1, 2)},
    }
    chance = {1: [(0,), (1,), (2,)], 2: [(0, 1), (2, 3), (1, 2)]}
    healed = {1: {"greedy search + maps": 5.5}, 2: {"greedy search + maps": 6.25}}
    assert table.rows_of(values, cuts, chance, healed, [1, 2]) == [
        ("greedy search", "6.0", "8.0"),
        ("greedy search + maps", "5.5", "6.2"),
        ("b", "7.0", "90.0"),
        ("a", "50.0", "5,000"),
        ("random, median of 3 (lowest – highest)", "7.0 (6.0 – 50.0)", "90.0 (8.0 – 5,000)"),
    ]


def test_sizes_are_rounded_shares(table: ModuleType) -> None:
    assert table.sizes_of(30, [0.10, 0.17, 0.25, 0.33]) == {0.10: 3, 0.17: 5, 0.25: 8, 0.33: 10}
    assert table.sizes_of(3, [0.1, 0.99]) == {0.1: 1, 0.99: 2}
    assert [table.short(value) for value in (6.25, 999.9, 12_345.6, 2.6e7)] == ["6.2", "999.9", "12,346", "2.6e+07"]
