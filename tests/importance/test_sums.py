"""Sums of documents: merged in any order, drawn again for intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avss_core.importance.sums import FEWEST, Table, add_up, fact_row, rows_of


def table_of(n_documents: int, n_blocks: int = 3, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    values, weights = generator.normal(size=(n_documents, n_blocks)), generator.integers(1, 50, n_documents)
    return rows_of("x", list(range(n_documents)), values, weights.astype(float)), values, weights.astype(float)


def test_a_mean_is_weighted_over_documents() -> None:
    table, values, weights = table_of(9)
    sums = Table(table, 3).sums()
    assert sums.mean("x") == pytest.approx(values.sum(axis=0) / weights.sum())
    assert sums.weight("x") == pytest.approx([weights.sum()] * 3)
    assert sums.samples_read == 9


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(6)), st.integers(1, 5))
def test_merging_is_putting_under_each_other_in_any_order(order: list[int], cut: int) -> None:
    table, _, _ = table_of(6)
    parts = [table[table["document"] == document] for document in order]
    merged = pd.concat([add_up(pd.concat(parts[:cut])), add_up(pd.concat(parts[cut:]))])
    whole, shuffled = Table(table, 3), Table(merged, 3)
    assert np.array_equal(whole.sums().value("x"), shuffled.sums().value("x"))
    drawn, again = next(whole.resampled(seed=1)), next(shuffled.resampled(seed=1))
    assert np.array_equal(drawn.mean("x"), again.mean("x"))


def test_a_document_in_two_tables_is_one_sample() -> None:
    table, _, _ = table_of(5)
    sums = Table(pd.concat([table, table]), 3).sums()
    assert sums.mean("x") == pytest.approx(Table(table, 3).sums().mean("x"))
    assert sums.samples_read == 5


def test_draws_spread_as_the_standard_error_says() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(400, 2)) * [1.0, 5.0]
    table = Table(rows_of("x", list(range(400)), values, np.ones(400)), 2)
    drawn = np.concatenate([sums.mean("x") for sums in table.resampled(seed=2, draws=2000)])
    assert drawn.shape == (2000, 2)
    assert drawn.std(axis=0) == pytest.approx(values.std(axis=0) / np.sqrt(400), rel=0.1)
    assert drawn.mean(axis=0) == pytest.approx(values.mean(axis=0), abs=0.03)


def test_statistics_of_the_same_documents_are_drawn_alike() -> None:
    table, values, weights = table_of(8)
    double = rows_of("twice", list(range(8)), 2 * values, weights)
    sums = next(Table(pd.concat([table, double]), 3).resampled(seed=5))
    assert sums.mean("twice") == pytest.approx(2 * sums.mean("x"))


def test_what_was_not_measured_is_zero_and_its_mean_nan() -> None:
    sums = Table(fact_row("tokens", 0, 12), 4).sums()
    assert sums.value("x").tolist() == [0.0] * 4
    assert np.isnan(sums.mean("x")).all()
    assert FEWEST > 1
