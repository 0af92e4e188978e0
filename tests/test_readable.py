from __future__ import annotations

import pytest

from avss_core.readable import four_digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0512345, "0.05123"),
        (27.8149, "27.81"),
        (999.4, "999.4"),
        (1000, "1,000"),
        (10231.4, "10,231"),
        (-10231.4, "-10,231"),
        (1.6e9, "1.6e+09"),
        (float("nan"), "nan"),
    ],
)
def test_four_digits(value: float, text: str) -> None:
    assert four_digits(value) == text
