"""The whole analysis of a tiny model: every part is timed, and they add up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_every_part_has_its_seconds(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.whole_analysis as script

    file = tmp_path / "questions.jsonl"
    rows = [{"question": f"What is number {n}?", "answers": ["never said"]} for n in range(6)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["--questions", "4", "--corpus", str(file), "--model", str(tiny_model), "--dtype", "float32"]
    monkeypatch.setattr(sys, "argv", ["whole", *asked, "--most-tokens", "4"])
    script.main()
    said = capsys.readouterr().out
    lines = [line.strip("| ").split(" | ") for line in said.splitlines() if line.startswith("|")]
    seconds = {line[0]: float(line[1]) for line in lines[2:]}
    assert [part.split(":")[0].split(",")[0] for part in seconds] == [
        "model is loaded",
        "questions are answered",
        "asked again",
        "contrast",
        "agreement of the readings",
        "confidence",
        "all",
    ]
    total = seconds.pop("all")
    assert sum(seconds.values()) <= total + 0.01
    assert "no probe on every block: P(IK) needs" in said
    assert "4 questions" in said
    assert "100.0% made up" in said
