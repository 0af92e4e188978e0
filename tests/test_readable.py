from __future__ import annotations

import pytest

from avss_core.readable import four_digits, numbers_apart


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


def test_numbers_that_look_alike_get_more_digits() -> None:
    assert numbers_apart([0.12341, 2.0, 0.12349]) == {0.12341: "0.1234", 0.12349: "0.1235", 2.0: "2"}
    assert numbers_apart([0.12341, 0.5, 0.5]) == {0.12341: "0.123", 0.5: "0.5"}
    close = [1.0, 1.0 + 2**-52]
    assert len(set(numbers_apart(close).values())) == 2
