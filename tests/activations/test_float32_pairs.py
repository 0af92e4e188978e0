"""Sums in pairs of float32 are those of float64."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from measured_by_hand import random_windows
from random_models import build

from avss_core.activations import float32_pairs
from avss_core.activations.accumulators import sum_dtype
from avss_core.activations.collector import Collector
from avss_core.activations.forward import run_base
from avss_core.activations.measure import measure
from avss_core.corpora.batches import make_batches
from avss_core.models.load import wrap

FLOATS = st.floats(-1e8, 1e8, width=32).filter(lambda value: value == 0 or abs(value) > 1e-8)


@given(FLOATS, FLOATS)
def test_a_sum_and_its_error_are_exact(a: float, b: float) -> None:
    total, error = float32_pairs.two_sum(torch.tensor(a), torch.tensor(b))
    assert Fraction(total.item()) + Fraction(error.item()) == Fraction(a) + Fraction(b)


@given(FLOATS)
def test_a_square_and_its_error_are_exact(a: float) -> None:
    square, error = float32_pairs.two_square(torch.tensor(a))
    assert Fraction(square.item()) + Fraction(error.item()) == Fraction(a) ** 2


@given(arrays(np.float32, st.tuples(st.integers(1, 40), st.just(3)), elements=FLOATS))
def test_a_sum_of_rows(values: np.ndarray) -> None:
    high, low = float32_pairs.sum_rows((torch.from_numpy(values), torch.zeros(values.shape)))
    exact = values.astype(np.float64).sum(axis=0)
    found = high.double().numpy() + low.double().numpy()
    scale = np.abs(values.astype(np.float64)).sum(axis=0)
    assert (np.abs(found - exact) <= 1e-12 * scale).all()


def test_which_type_sums_are_in() -> None:
    assert sum_dtype(torch.device("mps")) == torch.float32
    assert sum_dtype(torch.device("cuda", 1)) == sum_dtype(torch.device("cpu")) == torch.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_device_without_float64_gives_the_same_profile(dtype: torch.dtype) -> None:
    model = wrap(build("llama", dtype=dtype), tokenizer=None)
    sites = ("residual", "update", "mlp", "attention")
    windows = random_windows(30, 12, 25, 8, 1)
    expected = measure(model, windows, sites)
    with Collector(model, sites, dtype=torch.float32) as collector:
        for batch in make_batches(windows, None):
            collector.begin(batch)
            run_base(model, batch)
        profile = collector.profile()
    for site in sites:
        a, b = profile.sites[site], expected.sites[site]
        assert (a.histogram == b.histogram).all()
        assert (a.largest == b.largest).all()
        np.testing.assert_allclose(a.m2, b.m2, rtol=1e-12)
        np.testing.assert_allclose(a.abs_sum, b.abs_sum, rtol=1e-12)
        np.testing.assert_allclose(a.l2_sum, b.l2_sum, rtol=1e-12)
        np.testing.assert_allclose(a.frobenius_sum, b.frobenius_sum, rtol=1e-12)
        scale = b.feature_sums[:, :, 1].max()
        np.testing.assert_allclose(a.feature_sums, b.feature_sums, rtol=1e-12, atol=1e-12 * scale)
