"""The kernel in main memory and ordinary torch operations give the same numbers, which are NumPy's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from measured_by_hand import float64, largest_by_hand, random_windows
from random_models import build
from torch import Tensor

from avss_core.activations import fused_accumulator
from avss_core.activations.accumulators import accumulator_for, read_out
from avss_core.activations.magnitude_bins import bin_edges
from avss_core.activations.measure import measure
from avss_core.activations.moments import SiteMoments
from avss_core.activations.moments_from_sums import moments_from_sums
from avss_core.activations.token_groups import FirstTokenApart, TokenGroups
from avss_core.corpora.batches import Batch, make_batches
from avss_core.models.load import wrap

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
GROUPS = ("first", "rest")


def batch_of(*lengths: int) -> Batch:
    (batch,) = make_batches(random_windows(*lengths), 0, tokens_per_batch=1000, padding_per_batch=None)
    return batch


def moments_of(batch: Batch, after: Tensor, before: Tensor | None, plain: bool) -> SiteMoments:
    """One block, one batch; after and before (sequences, tokens, features)."""
    cpu = torch.device("cpu")
    groups = TokenGroups.of(batch, FirstTokenApart(), cpu, torch.float64)
    accumulator = accumulator_for(cpu, 1, 2, torch.float64, plain)
    accumulator.add(0, after.flatten(0, 1), None if before is None else before.flatten(0, 1), groups)
    accumulator.end_batch(groups)
    sums, counts = read_out({"residual": accumulator}, groups.counts)
    return moments_from_sums(sums["residual"], GROUPS, counts[:2], counts[2:])


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """So many threads, and pieces of work so small that all of them get some."""
    monkeypatch.setattr(fused_accumulator, "_ACTIVATIONS_A_PIECE", 100)
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("plain", [False, True], ids=["fused", "plain"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("with_before", [False, True])
@pytest.mark.usefixtures("threads")
def test_every_number_is_numpys(plain: bool, dtype: torch.dtype, with_before: bool) -> None:
    batch = batch_of(14, 9, 9, 3, 1)
    torch.manual_seed(3)
    shape = (*batch.input_ids.shape, 37)
    # Sizes over many decades, with zeros, and values rounded so coarsely that many are equal.
    after = (torch.randn(shape) * 10 ** torch.empty(shape).uniform_(-4, 3)).to(dtype)
    after[..., 5] = 0
    after[..., 7:12] = after[..., 7:12].sign() * 64
    before = torch.randn(shape).to(dtype) if with_before else None
    values = after.float() if before is None else after.float() - before.float()
    moments = moments_of(batch, after, before, plain)

    real = batch.attention_mask.bool()
    first = torch.zeros_like(real)
    first[:, 0] = True
    a = float64(values)
    windows = [values_of[mask] for values_of, mask in zip(a, real.numpy(), strict=True)]
    for index, group in enumerate((real & first, real & ~first)):
        rows = a[group.numpy()]
        assert moments.tokens[index] == len(rows)
        np.testing.assert_allclose(moments.mean[0, index], rows.mean(), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(moments.m2[0, index], ((rows - rows.mean()) ** 2).sum(), rtol=1e-12)
        np.testing.assert_allclose(moments.abs_sum[0, index], np.abs(rows).sum(), rtol=1e-12)
        np.testing.assert_allclose(moments.l2_sum[0, index], np.sqrt((rows**2).sum(axis=1)).sum(), rtol=1e-12)
        frobenius = sum(np.sqrt((w[:1] ** 2 if index == 0 else w[1:] ** 2).sum()) for w in windows)
        np.testing.assert_allclose(moments.frobenius_sum[0, index], frobenius, rtol=1e-12)
        expected = np.stack([rows.sum(axis=0), np.abs(rows).sum(axis=0), (rows**2).sum(axis=0)])
        np.testing.assert_allclose(moments.feature_sums[0, index], expected, rtol=1e-12, atol=1e-12)
        bins = np.histogram(np.abs(rows), bins=np.append(bin_edges(), np.inf))[0]
        assert (moments.histogram[0, index] == bins).all()
        pairs = [
            (window, w[:1] if index == 0 else np.concatenate([np.zeros_like(w[:1]), w[1:]]))
            for window, w in zip(batch.windows, windows, strict=True)
        ]
        assert moments.largest[0, index].tolist() == largest_by_hand(pairs, 32)
    whole = sum(np.sqrt((w**2).sum()) for w in windows)
    np.testing.assert_allclose(moments.frobenius_sum[0, -1], whole, rtol=1e-12)
    assert moments.sequences.tolist() == [5, 4, 5]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["llama", "gpt2", "bert"])
def test_both_paths_agree_on_a_network(name: str, dtype: torch.dtype) -> None:
    model = wrap(build(name, dtype=dtype), tokenizer=None)
    sites = ("residual", "update", "mlp", "attention")
    windows = random_windows(13, 8, 20, 3, 1)
    fused, plain = (measure(model, windows, sites, plain=plain) for plain in (False, True))
    for site in sites:
        a, b = fused.sites[site], plain.sites[site]
        assert (a.histogram == b.histogram).all()
        assert (a.largest == b.largest).all()
        scale = b.feature_sums[:, :, 1].max()
        np.testing.assert_allclose(a.feature_sums, b.feature_sums, rtol=1e-12, atol=1e-12 * scale)
        for name_of in ("m2", "abs_sum", "l2_sum", "frobenius_sum", "tokens", "sequences"):
            np.testing.assert_allclose(getattr(a, name_of), getattr(b, name_of), rtol=1e-12, err_msg=name_of)


def test_an_after_and_a_before_of_different_types() -> None:
    batch = batch_of(4, 2)
    shape = (*batch.input_ids.shape, 8)
    after, before = torch.randn(shape), torch.randn(shape).bfloat16()
    fused, plain = (moments_of(batch, after, before, plain) for plain in (False, True))
    assert (fused.histogram == plain.histogram).all()
    np.testing.assert_allclose(fused.feature_sums, plain.feature_sums, rtol=1e-12, atol=1e-12)


def test_tensors_that_are_not_contiguous() -> None:
    batch = batch_of(4, 4)
    after = torch.randn(*batch.input_ids.shape, 16)[..., ::2]
    fused, plain = (moments_of(batch, after, None, plain) for plain in (False, True))
    expected = float64(after[:, 1:]).sum(axis=(0, 1))
    np.testing.assert_allclose(fused.feature_sums[0, 1, 0], expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(plain.feature_sums[0, 1, 0], expected, rtol=1e-12, atol=1e-12)


def test_without_numba_the_plain_path_measures_the_same() -> None:
    code = """
import sys
sys.modules["numba"] = None  # its import fails
from measured_by_hand import random_windows
from random_models import build
from avss_core.activations.measure import measure
from avss_core.jobs.warm_up import import_all
from avss_core.models.load import wrap
import_all()
moments = measure(wrap(build("llama"), None), random_windows(14, 9, 3)).sites["update"].pooled()
print(*moments.m2[:, 0].tolist())
"""
    paths = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    shell = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, "-c", code], env=shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = measure(wrap(build("llama"), None), random_windows(14, 9, 3)).sites["update"].pooled().m2[:, 0]
    np.testing.assert_allclose(np.array(done.stdout.split(), dtype=np.float64), expected, rtol=1e-12)
