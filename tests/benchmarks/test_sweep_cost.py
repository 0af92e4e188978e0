"""The cost of sweeps on a tiny network: both ways agree, and run as many blocks as is counted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.models.load import wrap

ROOT = Path(__file__).parents[2]


def rows_of(table: str) -> dict[str, list[str]]:
    """The cells of each row by its first, without the header and the rule under it."""
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return {line[0]: line[1:] for line in lines[2:]}


def test_the_tree_gives_what_pruned_networks_give(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.sweep_cost as script

    model = wrap(tiny_network(6), tiny_tokenizer())
    monkeypatch.setattr(script, "default_model", lambda dtype: model)
    monkeypatch.setattr(sys, "argv", ["cost", "--tokens", "60", "--rounds", "1", "--draws", "2"])
    script.main()
    printed = capsys.readouterr().out.partition("\nBlock runs, 2 random cuts")
    rows, banded = rows_of(printed[0]), rows_of(printed[2])
    assert list(rows) == [
        "avss",
        "block_influence",
        "ablation",
        "all in one tree",
        "all, and 2 random cuts of each size",
    ]
    for row in rows.values():
        assert row[-2] == "0 (identical)"
        assert abs(float(row[-1])) < 1e-5
    # From 6 kept blocks to 3: 6 + 5 + 4 + 3 of them.
    assert [rows[name][2] for name in ("avss", "block_influence", "ablation")] == ["18"] * 3
    together = [float(rows[name][1]) for name in ("avss", "block_influence", "ablation", "all in one tree")]
    assert together[3] <= sum(together[:3])
    assert float(rows["all in one tree"][3]) == pytest.approx(together[3] / float(rows["all in one tree"][2]), abs=1e-3)

    # One order with its band: two random cuts of each size more, of which some are the order's own.
    assert list(banded) == [f"{name}, with its band" for name in ("avss", "block_influence", "ablation")]
    for row in banded.values():
        cuts, tree, alone = map(int, row[:3])
        assert 4 < cuts <= 4 + 2 * 3
        assert tree <= alone <= 6 + 3 * (5 + 4 + 3)
        assert float(row[3]) == pytest.approx(tree / alone, abs=1e-3)
