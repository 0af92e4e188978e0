"""The adapter to the lm-evaluation-harness, with a stand-in for the package."""

from __future__ import annotations

import math
import sys

import pytest
from fake_harness import Harness, put_in_place
from random_models import build

from avss_core.errors import ModelError, SettingError
from avss_core.models.load import wrap
from avss_core.tasks.lm_eval_adapter import run_harness


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    return put_in_place(monkeypatch)


def test_the_pruned_network_is_handed_over_and_the_results_become_a_table(harness: Harness, tokenizer) -> None:
    model = wrap(build("llama"), tokenizer)
    frame = run_harness(model, (0, 3), ["toy", {"task": "own"}], limit=4, shots=2, batch_size=3)
    given = harness.asked["model"]
    assert given["pretrained"].config.num_hidden_layers == 2
    assert (given["tokenizer"], given["device"], given["batch_size"]) == (tokenizer, "cpu", 3)
    assert (harness.asked["tasks"], harness.asked["limit"], harness.asked["num_fewshot"]) == (
        ["toy", {"task": "own"}],
        4,
        2,
    )
    assert frame["metric"].tolist() == ["acc,none", "f1,x"]
    assert frame["value"].tolist() == [0.25, 1.0]
    assert frame["stderr"][0] == 0.1
    assert math.isnan(frame["stderr"][1])
    assert frame["n"].tolist() == [4, 4]
    assert frame["higher_is_better"].tolist() == [True, None]


def test_what_goes_wrong_inside_is_one_sentence(harness: Harness, tokenizer) -> None:
    harness.failure = KeyError("toy\n is not there")
    with pytest.raises(SettingError, match=r"could not run toy, own \(.*is not there.*\); check the names") as caught:
        run_harness(wrap(build("llama"), tokenizer), (0,), ["toy", {"task": "own"}])
    assert "\n" not in str(caught.value)


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tokenizer) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(SettingError, match=r"not installed .*`pip install lm-eval`"):
        run_harness(wrap(build("llama"), tokenizer), (0,), ["toy"])


def test_an_encoder_is_refused(harness: Harness, tokenizer) -> None:
    with pytest.raises(ModelError, match="does not predict the next token"):
        run_harness(wrap(build("bert"), tokenizer), (0,), ["toy"])
