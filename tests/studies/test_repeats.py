from __future__ import annotations

import math

import pytest

from avss_core.studies.repeats import t_interval


def test_it_is_what_tables_of_t_give() -> None:
    values = [2.0, 4.0, 4.0, 5.0, 5.0]  # mean 4, s² = (4 + 0 + 0 + 1 + 1) / 4 = 1.5
    half = 2.776445 * math.sqrt(1.5 / 5)  # t of 4 degrees of freedom at 0.975, as printed in tables
    assert t_interval(values) == pytest.approx((4 - half, 4 + half), abs=1e-5)


def test_one_value_has_no_interval_and_equal_ones_none_to_speak_of() -> None:
    assert all(math.isnan(end) for end in t_interval([3.0]))
    assert t_interval([3.0, 3.0, 3.0]) == (3.0, 3.0)
