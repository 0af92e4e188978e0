"""Single-block ablation on a tiny network: both ways agree, and the tree runs fewer blocks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.models.load import wrap

ROOT = Path(__file__).parents[2]


def test_one_line_with_the_runs_of_both_ways(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.ablation_trie as script

    model = wrap(tiny_network(6), tiny_tokenizer())
    monkeypatch.setattr(script, "default_model", lambda dtype: model)
    monkeypatch.setattr(sys, "argv", ["ablation", "--tokens", "60", "--rounds", "1"])
    script.main()
    *_, line = capsys.readouterr().out.strip().splitlines()
    name, cuts, tree, alone, *_, difference, from_transformers = line.strip("| ").split(" | ")
    assert (name, cuts, difference) == ("ablation of all 6 blocks", "6", "0 (identical)")
    assert abs(float(from_transformers)) < 1e-5
    # Six cuts of five blocks each; as a tree 1 2 3 4 5 | 0, 2 3 4 5 | 1, 3 4 5 | 2, 4 5 | 3, 5 | 4.
    assert (tree, alone) == ("20", "30")
