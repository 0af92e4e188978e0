"""Cells against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import sem, t

from avss_core.studies.table1_cell import mean_cell, whole_model
from avss_core.studies.table1_wide import cell_text, short
from avss_core.tasks import task_named


def judged(correct: list[float], order: list[int] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"document": range(len(correct)), "example": [f"e{n}" for n in range(len(correct))], "correct": correct}
    )
    return frame if order is None else frame.iloc[order]


def read(losses: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"document": [0, 1, 2], "nll": losses, "tokens": [10, 20, 30]})


def test_an_accuracy_is_averaged_over_repeats() -> None:
    before = judged([1.0, 1.0, 1.0, 0.0, 1.0])
    repeats = [judged([1.0, 0, 1.0, 0, 1.0]), judged([1.0, 0, 0, 0, 1.0], [4, 2, 0, 1, 3]), judged([1.0, 1.0, 1, 0, 1])]
    cell = mean_cell(task_named("sentiment"), before, repeats)
    accuracies = [0.6, 0.4, 0.8]
    low, high = t.interval(0.95, 2, loc=0.6, scale=sem(accuracies))
    assert cell.value == pytest.approx(0.6)
    assert (cell.low, cell.high) == pytest.approx((max(low, 0), min(high, 1)))
    assert cell.retained == pytest.approx(0.6 / 0.8)
    assert (cell.retained_low, cell.retained_high) == pytest.approx((cell.low / 0.8, cell.high / 0.8))
    assert cell.repeats == 3
    assert cell.document_low < cell.value < cell.document_high
    assert cell.retained_document_low <= cell.retained <= cell.retained_document_high


def test_a_perplexity_is_averaged_in_its_logarithm() -> None:
    task, before = task_named("perplexity"), read([20.0, 40.0, 60.0])
    repeats = [read([30.0, 50.0, 100.0]), read([40.0, 90.0, 110.0])]
    cell = mean_cell(task, before, repeats)
    logs = [180 / 60, 240 / 60]
    assert cell.value == pytest.approx(math.exp(np.mean(logs)))
    low, high = t.interval(0.95, 1, loc=np.mean(logs), scale=sem(logs))
    assert (cell.low, cell.high) == pytest.approx((max(1.0, math.exp(low)), math.exp(high)))
    whole = math.exp(120 / 60)
    assert whole_model(task, before).value == pytest.approx(whole)
    assert cell.retained == pytest.approx(whole / cell.value)
    assert (cell.retained_low, cell.retained_high) == pytest.approx((whole / cell.high, whole / cell.low))


def test_no_end_of_a_perplexity_lies_below_one() -> None:
    losses = [3.3, 3.35, 3.3, 3.32, 14.0]
    cell = mean_cell(task_named("perplexity"), read([20.0, 40.0, 60.0]), [read([60 * each, 0, 0]) for each in losses])
    low, high = t.interval(0.95, 4, loc=np.mean(losses), scale=sem(losses))
    assert low < 0
    assert (cell.low, cell.high) == pytest.approx((1.0, math.exp(high)))
    assert cell.retained_high == pytest.approx(math.exp(2))


def test_the_same_cut_every_time_has_no_width_over_samples_but_over_documents() -> None:
    same = read([30.0, 50.0, 100.0])
    cell = mean_cell(task_named("perplexity"), read([20.0, 40.0, 60.0]), [same, same, same])
    assert cell.low == pytest.approx(cell.value)
    assert cell.high == pytest.approx(cell.value)
    assert cell.document_high > cell.document_low


def test_the_whole_model_has_the_interval_over_documents_alone() -> None:
    cell = whole_model(task_named("sentiment"), judged([1.0, 0.0, 1.0, 1.0]))
    assert (cell.value, cell.retained, cell.repeats) == (0.75, 1.0, 1)
    assert math.isnan(cell.low)
    assert cell.document_low < 0.75 < cell.document_high


@pytest.mark.parametrize(("task", "frame"), [("perplexity", read([20.0, 40.0, 60.0])), ("sentiment", judged([1.0, 0]))])
def test_one_sample_has_no_interval_over_samples(task: str, frame: pd.DataFrame) -> None:
    cell = mean_cell(task_named(task), frame, [frame])
    assert all(math.isnan(end) for end in (cell.low, cell.high, cell.retained_low, cell.retained_high))
    assert cell_text(cell.to_dict()) == short(cell.value), "and nothing is said of what other samples would choose"


def test_no_width_is_told_apart_from_the_same_cut() -> None:
    same = {"value": 0.8, "low": 0.8, "high": 0.8, "removed": "3 5 (5×)"}
    assert cell_text(same) == "0.800 (same cut)"
    assert cell_text(same | {"removed": "3 5 (3×); 4 5 (2×)"}) == "0.800 (equal)"
    assert cell_text(same | {"low": 0.7}) == "0.800 (0.700 – 0.800)"
