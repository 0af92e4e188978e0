"""The cost of sweeps on a tiny network: both ways agree, and run as many blocks as is counted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.models.load import wrap

ROOT = Path(__file__).parents[2]


def test_the_tree_gives_what_pruned_networks_give(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.sweep_cost as script

    model = wrap(tiny_network(6), tiny_tokenizer())
    monkeypatch.setattr(script, "default_model", lambda dtype: model)
    monkeypatch.setattr(sys, "argv", ["cost", "--tokens", "60", "--rounds", "1", "--draws", "2"])
    script.main()
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    rows = {line[0]: line[1:] for line in lines[2:]}
    assert list(rows) == [
        "avss",
        "block_influence",
        "ablation",
        "all in one tree",
        "all, and 2 random cuts of each size",
    ]
    for row in rows.values():
        assert row[-1] == "0 (identical)"
    # From 6 kept blocks to 3: 6 + 5 + 4 + 3 of them.
    assert [rows[name][2] for name in ("avss", "block_influence", "ablation")] == ["18"] * 3
    together = [float(rows[name][1]) for name in ("avss", "block_influence", "ablation", "all in one tree")]
    assert together[3] <= sum(together[:3])
    assert float(rows["all in one tree"][3]) == pytest.approx(together[3] / float(rows["all in one tree"][2]), abs=1e-3)
