"""Values of 1e4 beside 1e-4 in every type; values that are not numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from measured_by_hand import float64, random_windows, statistics
from random_models import build

from avss_core.activations.accumulators import accumulator_for, read_out
from avss_core.activations.magnitude_bins import share_below
from avss_core.activations.measure import measure
from avss_core.activations.moments import SiteMoments
from avss_core.activations.moments_from_sums import moments_from_sums
from avss_core.activations.token_groups import FirstTokenApart, TokenGroups
from avss_core.corpora.batches import make_batches
from avss_core.errors import NumericalError
from avss_core.models.load import wrap

LENGTHS = (200, 200, 200)
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
PATHS = {"fused": (False, torch.float64), "plain": (True, torch.float64), "without float64": (True, torch.float32)}


def moments_of(values: torch.Tensor, plain: bool, dtype: torch.dtype) -> SiteMoments:
    """values: (sequences, tokens, features), in two batches, so that sums are carried from one to the next."""
    cpu = torch.device("cpu")
    accumulator = accumulator_for(cpu, 1, 2, dtype, plain)
    counts = torch.zeros(5, dtype=torch.int64)
    windows = random_windows(*LENGTHS)
    for chosen in (slice(0, 1), slice(1, 3)):
        (batch,) = make_batches(windows[chosen], 0)
        groups = TokenGroups.of(batch, FirstTokenApart(), cpu, dtype)
        accumulator.add(0, values[chosen].flatten(0, 1), None, groups)
        accumulator.end_batch(groups)
        counts += groups.counts
    sums, host = read_out({"residual": accumulator}, counts)
    return moments_from_sums(sums["residual"], ("first", "rest"), host[:2], host[2:])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["spread", "offset"])
def test_large_beside_small(path: str, dtype: torch.dtype, kind: str) -> None:
    """spread: features of 1e4 beside features of 1e-4. offset: features that stay near 1e4 and vary by some 0.3 %."""
    torch.manual_seed(7)
    values = torch.randn(len(LENGTHS), LENGTHS[0], 12)
    values[..., :6] *= 1e4 if kind == "spread" else 30
    values[..., :6] += 0 if kind == "spread" else 1e4
    values[..., 6:] *= 1e-4
    values = values.to(dtype)
    moments = moments_of(values, *PATHS[path]).pooled()
    a = float64(values)
    expected = statistics(list(a), 2.0**-13)
    rel = 1e-10
    assert moments.mean[0, 0] == pytest.approx(expected["mean"], rel=rel, abs=rel * expected["std"])
    assert moments.m2[0, 0] / a.size == pytest.approx(expected["variance"], rel=rel)
    assert moments.l2_sum[0, 0] / 600 == pytest.approx(expected["l2"], rel=rel)
    assert moments.frobenius_sum[0, 0] / 3 == pytest.approx(expected["frobenius"], rel=rel)
    assert share_below(moments.histogram[:, 0], 2.0**-13)[0] == expected["sparsity"]
    assert 0.1 < expected["sparsity"] < 0.5
    # Feature by feature the small ones are as right as the large ones.
    rows = a.reshape(-1, 12)
    total, absolute, square = moments.feature_sums[0, 0]
    np.testing.assert_allclose(absolute, np.abs(rows).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(square / 600 - (total / 600) ** 2, rows.var(axis=0), rtol=1e-7)


@pytest.mark.parametrize("plain", [False, True], ids=["fused", "plain"])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("site", ["mlp", "attention"])
def test_one_value_that_is_not_finite_names_block_and_site(plain: bool, bad: float, site: str) -> None:
    model = wrap(build("llama"), tokenizer=None)
    block = model.blocks[2]

    def spoil(_module: object, _args: object, output: torch.Tensor) -> torch.Tensor:
        output[0, 1, 5] = bad
        return output

    (block.mlp.act_fn if site == "mlp" else block.self_attn.o_proj).register_forward_hook(spoil)
    with pytest.raises(NumericalError, match=rf"Block 2 .*\(site {site}\).*weights"):
        measure(model, random_windows(6, 4), (site, "residual"), plain=plain)


def test_too_large_for_float16_says_what_to_try() -> None:
    model = wrap(build("llama", dtype=torch.float16), tokenizer=None)
    model.blocks[1].mlp.down_proj.weight.data.mul_(1e5)
    with pytest.raises(NumericalError, match=r"Block 1 .*site residual.*try --dtype float32"):
        measure(model, random_windows(6, 4))


def test_all_values_equal_and_all_zero() -> None:
    same = moments_of(torch.full((3, 200, 4), 0.1), False, torch.float64)
    assert same.pooled().m2[0, 0] == pytest.approx(0, abs=1e-12)
    zero = moments_of(torch.zeros((3, 200, 4)), False, torch.float64)
    assert zero.histogram[0, :, 0].tolist() == [12, 2388]
    assert (zero.largest["magnitude"] == 0).all()
