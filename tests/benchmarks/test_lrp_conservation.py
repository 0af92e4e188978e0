"""What LRP keeps of a tiny network's logits: the script's rows say what the networks' own logits say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.models.load import wrap

ROOT = Path(__file__).parents[2]


def test_a_row_for_every_variant(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.lrp_conservation as script

    model = wrap(tiny_network(), tiny_tokenizer())
    monkeypatch.setattr(script, "default_model", lambda dtype: model)
    monkeypatch.setattr(sys, "argv", ["lrp_conservation", "--tokens", "60"])
    script.main()
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.strip().splitlines()[-3:]]
    assert [name for name, *_ in rows] == ["LRP", "AttnLRP", "LRP (αβ)"]
    (window,) = script.windows_of(model, 60)
    with torch.no_grad():
        logits = model.network(input_ids=torch.tensor([window.ids])).logits[0].double()
    explained = sum(float(logits[place, token]) for place, token in enumerate(window.ids[1:]))
    for name, output, arrives, error, lost, _seconds in rows:
        assert float(output) == pytest.approx(explained, rel=1e-3)
        # Figures of the table are rounded: to three decimals, and the error to two digits.
        assert float(error) == pytest.approx(abs(explained - float(arrives)) / abs(explained), rel=0.1, abs=1e-4)
        assert ("softmax" in lost) == (name == "AttnLRP")
        assert (float(error) < 2e-3) == (name != "AttnLRP")
