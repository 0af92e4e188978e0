"""How far two networks are apart, also where one of them has lost everything."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from avss_core.pruning.healing import apart_of


def read(*losses: float) -> pd.DataFrame:
    return pd.DataFrame({"document": range(len(losses)), "nll": losses, "tokens": 10})


def test_apart_by_hand() -> None:
    apart = apart_of(read(20.0, 30.0), read(30.0, 40.0))
    assert (apart.ratio, apart.low, apart.high) == pytest.approx((math.e, math.e, math.e))


def test_a_network_whose_perplexity_overflows_is_infinitely_apart() -> None:
    apart = apart_of(read(20.0, 30.0), read(2e4, 3e4))
    assert (apart.ratio, apart.high) == (math.inf, math.inf)
