"""Shards in any order and any tree give what one pass over everything gives."""

from __future__ import annotations

from dataclasses import fields
from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_by_hand import random_windows
from random_models import build

from avss_core.activations.accumulators import accumulator_for, read_out
from avss_core.activations.measure import measure
from avss_core.activations.moments import Profile, SiteMoments, merge_profiles
from avss_core.activations.moments_from_sums import moments_from_sums
from avss_core.activations.token_groups import FirstTokenApart, TokenGroups
from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import SettingError
from avss_core.models.load import wrap

FEATURES, BLOCKS = 6, 2
GROUPS = ("first", "rest")
EXACT = ("tokens", "sequences", "histogram")
SUMS = ("abs_sum", "l2_sum", "frobenius_sum", "m2")


def values_of(window: Window) -> torch.Tensor:
    """Activations of two blocks that depend on the window alone: one feature of 1e4, others down to 1e-4, and ties."""
    generator = torch.Generator().manual_seed(window.document)
    values = torch.randn((BLOCKS, len(window), FEATURES), generator=generator)
    return (values * torch.tensor([1e4, 1.0, 1e-2, 1e-4, 1.0, 1e4])).bfloat16()


def measured(windows: list[Window]) -> Profile:
    """The profile of a shard whose activations are `values_of`."""
    cpu = torch.device("cpu")
    accumulator = accumulator_for(cpu, BLOCKS, 2, torch.float64)
    counts = torch.zeros(5, dtype=torch.int64)
    for batch in make_batches(windows, 0, tokens_per_batch=24):
        groups = TokenGroups.of(batch, FirstTokenApart(), cpu, torch.float64)
        counts += groups.counts
        for block in range(BLOCKS):
            rows = torch.full((*batch.input_ids.shape, FEATURES), torch.nan, dtype=torch.bfloat16)
            for row, window in enumerate(batch.windows):
                rows[row, : len(window)] = values_of(window)[block]
            accumulator.add(block, rows.flatten(0, 1), None, groups)
        accumulator.end_batch(groups)
    sums, host = read_out({"residual": accumulator}, counts)
    return Profile({"residual": moments_from_sums(sums["residual"], GROUPS, host[:2], host[2:])}, {})


def assert_same(a: SiteMoments, b: SiteMoments) -> None:
    for name in EXACT:
        assert (getattr(a, name) == getattr(b, name)).all(), name
    assert (a.largest == b.largest).all()
    for name in SUMS:
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, err_msg=name)
    scale = np.sqrt(b.m2 / np.maximum(b.count, 1)).max()
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-9, atol=1e-9 * scale)
    sums = b.feature_sums[:, :, 1].max(axis=-1)[:, :, None, None]
    np.testing.assert_allclose(a.feature_sums, b.feature_sums, rtol=1e-9, atol=1e-12 * sums.max())


def merged_by_a_tree(profiles: list[Profile], choices: list[int]) -> Profile:
    """Merge two of the list, chosen at will, until one is left."""
    left = list(profiles)
    for choice in choices:
        if len(left) == 1:
            break
        first = left.pop(choice % len(left))
        second = left.pop((choice // 7) % len(left))
        left.append(first + second)
    return reduce(lambda a, b: a + b, left)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 20), min_size=2, max_size=9),
    shard_of=st.lists(st.integers(0, 4), min_size=9, max_size=9),
    choices=st.lists(st.integers(0, 1000), min_size=8, max_size=8),
    shuffled=st.randoms(use_true_random=False),
)
def test_any_order_and_any_tree(lengths: list[int], shard_of: list[int], choices: list[int], shuffled) -> None:
    windows = random_windows(*lengths)
    whole = measured(windows).sites["residual"]
    shards = [[w for w, shard in zip(windows, shard_of, strict=False) if shard == number] for number in range(5)]
    profiles = [measured(shard) for shard in shards if shard]
    shuffled.shuffle(profiles)
    assert_same(merge_profiles(profiles).sites["residual"], whole)
    assert_same(merged_by_a_tree(profiles, choices).sites["residual"], whole)


def test_halves_of_a_real_pass_are_the_whole() -> None:
    model = wrap(build("llama"), tokenizer=None)
    windows = random_windows(12, 12, 12, 12)  # of one length, so that batches of two and of four compute alike
    sites = ("residual", "update", "mlp", "attention")
    whole = measure(model, windows, sites)
    halves = measure(model, windows[:2], sites) + measure(model, windows[2:], sites)
    for site in sites:
        a, b = halves.sites[site], whole.sites[site]
        np.testing.assert_allclose(a.m2, b.m2, rtol=1e-5)
        np.testing.assert_allclose(a.abs_sum, b.abs_sum, rtol=1e-5)
        assert (a.tokens == b.tokens).all()
        assert (a.sequences == b.sequences).all()


def test_pooled_groups_are_one_pass_without_groups() -> None:
    windows = random_windows(5, 9, 1)
    pooled = measured(windows).sites["residual"].pooled()
    everything = torch.cat([values_of(window).double() for window in windows], dim=1).numpy()
    for block, values in enumerate(everything):
        assert pooled.count.tolist() == [values.size]
        assert pooled.mean[block, 0] == pytest.approx(values.mean(), rel=1e-12)
        assert pooled.m2[block, 0] == pytest.approx(((values - values.mean()) ** 2).sum(), rel=1e-12)
        norms = [np.sqrt((values_of(w)[block].double().numpy() ** 2).sum()) for w in windows]
        assert pooled.frobenius_sum[block, 0] == pytest.approx(sum(norms), rel=1e-12)


def test_some_of_three_groups_have_no_frobenius_norm() -> None:
    moments = measured(random_windows(4, 3)).sites["residual"]
    tripled = SiteMoments(
        **{
            **{field.name: getattr(moments, field.name) for field in fields(SiteMoments)},
            "groups": ("a", "b", "c"),
            "tokens": moments.tokens[[0, 1, 1]],
            "sequences": moments.sequences[[0, 1, 1, 2]],
            "frobenius_sum": moments.frobenius_sum[:, [0, 1, 1, 2]],
            **{
                name: getattr(moments, name)[:, [0, 1, 1]]
                for name in ("mean", "m2", "abs_sum", "l2_sum", "histogram", "feature_sums", "largest")
            },
        }
    )
    assert np.isnan(tripled.pooled(["a", "b"]).frobenius_sum).all()
    assert np.isfinite(tripled.pooled(["b"]).frobenius_sum).all()
    assert np.isfinite(tripled.pooled().frobenius_sum).all()


def test_what_does_not_belong_together_does_not_merge() -> None:
    profile = measured(random_windows(4, 3))
    others = profile.sites["residual"].pooled()
    with pytest.raises(SettingError, match="one grouping"):
        profile.sites["residual"] + others
    with pytest.raises(SettingError, match="same sites"):
        profile + Profile({"update": profile.sites["residual"]}, {})
