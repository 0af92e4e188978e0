"""Results of many evaluations in one question."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from avss_core.runs import Store


def test_results_are_those_that_were_kept(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "runs.db"))
    run = store.start_run("a" * 16, "evaluate", {})
    assert run is not None
    for number in range(700):
        frame = pd.DataFrame({"document": [0], "nll": [float(number)], "tokens": [1]})
        store.add_evaluation(f"key-{number}", run.id, (0,), {"value": number}, frame.head(0 if number else 1))
    asked = [f"key-{number}" for number in range(5, 1200)]
    assert store.results(asked) == {f"key-{number}": {"value": number} for number in range(5, 700)}
    assert store.results([]) == {}
    store.end_run(run.id, run.attempt, "done")
    store.delete_run(run.id)
    assert store.results(asked) == {}
