"""A stand-in for the lm-evaluation-harness, which is optional: it remembers how it was asked, and answers the same."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest


class Harness(ModuleType):
    """Stands in for `lm_eval`; remembers how it was asked."""

    def __init__(self) -> None:
        super().__init__("lm_eval")
        self.asked: dict = {}
        self.failure: Exception | None = None

    def simple_evaluate(self, **asked):
        self.asked = asked
        if self.failure:
            raise self.failure
        return {
            "results": {
                "toy": {"alias": "toy", "acc,none": 0.25, "acc_stderr,none": 0.1, "f1,x": 1, "f1_stderr,x": "N/A"}
            },
            "higher_is_better": {"toy": {"acc": True}},
            "n-samples": {"toy": {"original": 9, "effective": 4}},
        }


def put_in_place(monkeypatch: pytest.MonkeyPatch) -> Harness:
    """What `import lm_eval` gives for the rest of the test."""
    harness, models = Harness(), ModuleType("lm_eval.models.huggingface")
    models.HFLM = lambda **arguments: arguments
    monkeypatch.setitem(sys.modules, "lm_eval", harness)
    monkeypatch.setitem(sys.modules, "lm_eval.models.huggingface", models)
    return harness
