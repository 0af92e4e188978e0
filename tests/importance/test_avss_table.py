"""Equations (1)–(9) and the norms, against arithmetic written out here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from measured_by_hand import random_windows, statistics

from avss_core.activations.accumulators import accumulator_for, read_out
from avss_core.activations.magnitude_bins import N_BINS, bin_edges, share_below
from avss_core.activations.moments import Profile
from avss_core.activations.moments_from_sums import moments_from_sums
from avss_core.activations.token_groups import FirstTokenApart, TokenGroups
from avss_core.corpora.batches import make_batches
from avss_core.errors import SettingError
from avss_core.figures.labels import STATISTICS
from avss_core.importance import Epsilon, score_table, score_table_with_intervals
from avss_core.importance.avss import COLUMNS, derived_columns, lowest_first, shares
from avss_core.importance.intervals import RESAMPLED

FEATURES = 8


def profile_of(blocks: Sequence[Sequence[np.ndarray]], seed: int = 0) -> Profile:
    """The profile whose activations are given: blocks × windows × (tokens, features)."""
    cpu = torch.device("cpu")
    windows = random_windows(*[len(window) for window in blocks[0]], seed=seed + 1)
    accumulator = accumulator_for(cpu, len(blocks), 2, torch.float64)
    (batch,) = make_batches(windows, 0, tokens_per_batch=10_000, padding_per_batch=None)
    groups = TokenGroups.of(batch, FirstTokenApart(), cpu, torch.float64)
    for block, of_windows in enumerate(blocks):
        rows = torch.zeros((*batch.input_ids.shape, FEATURES))
        for row, window in enumerate(batch.windows):
            rows[row, : len(window)] = torch.from_numpy(of_windows[window.document])
        accumulator.add(block, rows.flatten(0, 1), None, groups)
    accumulator.end_batch(groups)
    sums, counts = read_out({"residual": accumulator}, groups.counts)
    return Profile({"residual": moments_from_sums(sums["residual"], ("first", "rest"), counts[:2], counts[2:])}, {})


def random_blocks(seed: int, lengths: Sequence[int] = (5, 9, 2)) -> list[list[np.ndarray]]:
    """Four blocks of growing spread, rounded to float32."""
    random = np.random.default_rng(seed)
    return [
        [(random.normal(scale=0.01 * 4**block, size=(n, FEATURES))).astype(np.float32) for n in lengths]
        for block in range(4)
    ]


@pytest.mark.parametrize("skip_first", [False, True])
def test_every_column(skip_first: bool) -> None:
    blocks, epsilon = random_blocks(0), 2.0**-5
    table = score_table(profile_of(blocks), "residual", Epsilon(epsilon), skip_first)
    assert tuple(table.columns) == COLUMNS
    found = [statistics([window[skip_first:].astype(np.float64) for window in windows], epsilon) for windows in blocks]
    for name in ("n", "mean", "variance", "std", "sparsity", "l1", "l2", "frobenius"):
        np.testing.assert_allclose(table[name], [entry[name] for entry in found], rtol=1e-12, atol=1e-15)
    variance, sparsity = np.array([[entry[name] for entry in found] for name in ("variance", "sparsity")])
    avss = variance / sparsity
    for name, expected in {
        "variance_share": variance / variance.sum(),
        "sparsity_share": sparsity / sparsity.sum(),
        "sparsity_deviation": abs(sparsity - sparsity / sparsity.sum()),
        "avss": avss,
        "avss_share": avss / avss.sum(),
        "avss_cumulative": [avss[: k + 1].sum() / avss.sum() for k in range(4)],
    }.items():
        np.testing.assert_allclose(table[name], expected, rtol=1e-12, err_msg=name)
    assert list(table["block"]) == [0, 1, 2, 3]
    assert not table["floored"].any()


def test_a_sparsity_of_zero_is_floored_and_flagged() -> None:
    blocks = random_blocks(1)
    blocks[2] = [np.sign(window + 1e-9) * 8 for window in blocks[2]]
    table = score_table(profile_of(blocks), epsilon=Epsilon(0.5))
    assert list(table["floored"]) == [False, False, True, False]
    assert table.loc[2, "sparsity"] == 0
    assert table.loc[2, "avss"] == pytest.approx(table.loc[2, "variance"] * 16 * FEATURES)
    assert np.isfinite(table["avss_share"]).all()


def test_an_interpolated_sparsity_under_one_activation_is_floored_and_flagged() -> None:
    n, epsilon = 10_000, 2.0**-7 * (1 + 0.07 / 16)  # 7 % into a bin that holds one activation
    histogram = np.zeros(N_BINS, dtype=np.int64)
    (first,) = np.flatnonzero(bin_edges() == 2.0**-7)
    histogram[[first, -1]] = 1, n - 1
    sparsity = np.atleast_1d(share_below(histogram, epsilon))
    assert sparsity == pytest.approx([7e-6])
    columns = derived_columns(np.array([3.0]), sparsity, n)
    assert columns["floored"].tolist() == [True]
    assert columns["avss"] == pytest.approx([3.0 * n])
    one_activation = derived_columns(np.array([3.0]), np.array([1 / n]) * (1 - 1e-15), n)
    assert one_activation["floored"].tolist() == [False]  # whatever rounding does


def test_the_ends_of_the_sparsity_are_stated_and_hold() -> None:
    blocks = random_blocks(6, (400, 300))
    for epsilon in (0.01, 0.013, 2.0**-6):
        table = score_table(profile_of(blocks), epsilon=Epsilon(epsilon))
        exact = np.array([(np.abs(np.concatenate(windows).astype(np.float64)) < epsilon).mean() for windows in blocks])
        assert (table["sparsity_min"] <= exact).all()
        assert (exact <= table["sparsity_max"]).all()
        assert table["sparsity"].between(table["sparsity_min"], table["sparsity_max"]).all()
        assert (table["sparsity_max"] > table["sparsity_min"]).any() == (epsilon != 2.0**-6)


def test_no_block_is_sparse_and_none_varies() -> None:
    table = score_table(profile_of([[np.full((3, FEATURES), 2.0, dtype=np.float32)]] * 3))
    np.testing.assert_allclose(table["sparsity_share"], 1 / 3)
    np.testing.assert_allclose(table["variance"], 0, atol=1e-15)
    np.testing.assert_allclose(table["avss_share"].sum(), 1)
    np.testing.assert_array_equal(shares(np.array([0.0, 0.0])), [0.5, 0.5])


def test_epsilon_relative_to_sigma_is_of_each_block() -> None:
    blocks = random_blocks(2, (400, 300))
    table = score_table(profile_of(blocks), epsilon=Epsilon(0.5, relative=True))
    for row, windows in zip(table.itertuples(), blocks, strict=True):
        values = np.concatenate(windows)
        assert row.sparsity == pytest.approx((abs(values) < 0.5 * values.std()).mean(), abs=0.01)


def test_what_cannot_be_scored_says_so() -> None:
    profile = profile_of(random_blocks(3, (1, 1)))
    with pytest.raises(SettingError, match="No token is left without the first of every window"):
        score_table(profile, skip_first_token=True)
    with pytest.raises(SettingError, match="did not measure site 'update'; it has residual"):
        score_table(profile, "update")
    missing = Profile(profile.sites, {"mlp": "its experts are apart"})
    with pytest.raises(SettingError, match="could not be measured in this model: its experts are apart"):
        score_table(missing, "mlp")


def test_lowest_first_breaks_ties_by_block() -> None:
    assert lowest_first([3.0, 1.0, 2.0, 1.0]) == [1, 3, 2, 0]


def test_intervals_are_percentiles_of_tables_of_resampled_shards() -> None:
    shards = [profile_of(random_blocks(seed, (4 + seed, 7)), seed) for seed in range(6)]
    epsilon = Epsilon(2.0**-5)
    table = score_table_with_intervals(shards, "residual", epsilon, skip_first_token=True, resamples=50, seed=3)
    weights = np.random.default_rng(3).multinomial(6, np.full(6, 1 / 6), size=50)
    tables = []
    for of_shards in weights:
        chosen = [shard for shard, times in zip(shards, of_shards, strict=True) for _ in range(times)]
        whole = chosen[0]
        for shard in chosen[1:]:
            whole = whole + shard
        tables.append(score_table(whole, "residual", epsilon, skip_first_token=True))
    assert {statistic.column for statistic in STATISTICS} == set(RESAMPLED)  # no curve is drawn without its band
    for name in RESAMPLED:
        values = np.stack([drawn[name].to_numpy() for drawn in tables])
        low, high = np.percentile(values, [2.5, 97.5], axis=0)
        np.testing.assert_allclose(table[f"{name}_low"], low, rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(table[f"{name}_high"], high, rtol=1e-9, err_msg=name)


def test_a_shard_of_single_tokens_does_not_spoil_the_intervals() -> None:
    shards = [profile_of(random_blocks(seed, (6, 7)), seed) for seed in range(4)]
    shards.append(profile_of(random_blocks(9, (1, 1)), 9))
    table = score_table_with_intervals(shards, "residual", Epsilon(0.02), skip_first_token=True)
    assert np.isfinite(table.select_dtypes("number")).all(axis=None)


def test_too_few_shards_have_no_intervals() -> None:
    table = score_table_with_intervals([profile_of(random_blocks(seed)) for seed in range(3)])
    assert table["avss_low"].isna().all()
    assert table["avss"].notna().all()


@pytest.mark.parametrize(
    ("text", "value", "relative"), [("0.01", 0.01, False), ("0.1sigma", 0.1, True), (2, 2.0, False)]
)
def test_epsilon_is_read(text: str | float, value: float, relative: bool) -> None:
    assert Epsilon.parse(text) == Epsilon(value, relative)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "abc", "sigma", ""])
def test_epsilon_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="ε must be"):
        Epsilon.parse(text)
