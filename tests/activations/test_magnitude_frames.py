"""Distributions, massive activations and statistics of features as tables, against NumPy over the same activations."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from measured_by_hand import catching, random_windows, rows_of_windows, taken_output
from random_models import build

from avss_core.activations.collector import Collector
from avss_core.activations.features import feature_frame
from avss_core.activations.forward import run_base
from avss_core.activations.magnitude_bins import bin_edges
from avss_core.activations.magnitudes import magnitude_frame, quantile_frame
from avss_core.activations.massive import largest_frame, massive_activations, massive_shares, median_magnitude
from avss_core.activations.moments import LARGEST, N_LARGEST, SiteMoments
from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import SettingError
from avss_core.figures import feature_heatmap, magnitude_histogram, massive_map
from avss_core.models.load import wrap

WINDOWS = [*random_windows(14, 9), Window(5, 30, tuple(range(3, 20)))]
# (block, row of the batch, token, feature) -> activation; the window in row 0 is document 5 from position 30 on.
PLANTED = {(1, 0, 0, 7): 900.0, (1, 2, 4, 11): -700.0, (1, 2, 4, 40): 701.0, (2, 1, 13, 3): 5000.0}


@pytest.fixture(scope="module")
def measured() -> tuple[SiteMoments, list[np.ndarray]]:
    """The residual site of a network with planted massive activations, and each block's (tokens, features)."""
    model = wrap(build("llama"), tokenizer=None)
    (batch,) = make_batches(WINDOWS, 0, padding_per_batch=None)
    assert [(w.document, len(w)) for w in batch.windows] == [(5, 17), (0, 14), (1, 9)]

    def plant(block: int) -> None:
        def hook(_module: object, _args: object, output: torch.Tensor) -> torch.Tensor:
            for (of_block, row, token, feature), value in PLANTED.items():
                if of_block == block and output.shape[1] > 2:  # not while sites are looked for
                    output[row, token, feature] = value
            return output

        # Its change is handed on, so that later blocks would see it: the norm before each keeps them calm.
        model.blocks[block].register_forward_hook(hook)

    for block in (1, 2):
        plant(block)
    with (
        Collector(model, ("residual",)) as collector,
        catching({index: (block, taken_output) for index, block in enumerate(model.blocks)}) as caught,
    ):
        collector.begin(batch)
        run_base(model, batch)
        profile = collector.profile()
    by_block = [np.concatenate(rows_of_windows(batch, caught[index][0])) for index in range(model.n_blocks)]
    return profile.sites["residual"], by_block


def moments_of_values(cases: Sequence[Sequence[float]]) -> SiteMoments:
    """Moments that have, block by block, these magnitudes in their histogram (and are zero otherwise)."""
    zeros, bins = np.zeros((len(cases), 1)), np.append(bin_edges(), np.inf)
    return SiteMoments(
        groups=("rest",),
        tokens=np.array([1]),
        sequences=np.array([1, 1]),
        mean=zeros,
        m2=zeros,
        abs_sum=zeros,
        l2_sum=zeros,
        frobenius_sum=np.zeros((len(cases), 2)),
        histogram=np.stack([np.histogram(values, bins)[0] for values in cases])[:, None],
        feature_sums=np.zeros((len(cases), 1, 3, 1)),
        largest=np.zeros((len(cases), 1, N_LARGEST), dtype=LARGEST),
    )


def test_the_distribution_of_every_block(measured: tuple[SiteMoments, list[np.ndarray]]) -> None:
    moments, by_block = measured
    for per_octave in (1, 4, 16):
        frame = magnitude_frame(moments, per_octave)
        assert list(frame.columns) == ["block", "low", "high", "share"]
        for block, values in enumerate(by_block):
            rows = frame[frame["block"] == block]
            assert rows["share"].sum() == pytest.approx(1)
            for row in rows.itertuples():
                inside = (np.abs(values) >= 2.0**row.low) & (np.abs(values) < 2.0**row.high)
                assert row.share == inside.sum() / values.size
                assert row.high - row.low <= 1
    assert magnitude_histogram(frame, blocks=[0, 2], epsilon=0.01).data
    with pytest.raises(SettingError, match="not into 3"):
        magnitude_frame(moments, 3)


def test_quantiles(measured: tuple[SiteMoments, list[np.ndarray]]) -> None:
    moments, by_block = measured
    frame = quantile_frame(moments, [0.25, 0.5, 0.99])
    assert len(frame) == 3 * len(by_block)
    for row in frame.itertuples():
        assert row.magnitude == pytest.approx(np.quantile(np.abs(by_block[row.block]), row.quantile), rel=1 / 16)
    with pytest.raises(SettingError, match="between 0 and 1"):
        quantile_frame(moments, [0.5, 1.5])


def test_shares_of_massive_activations(measured: tuple[SiteMoments, list[np.ndarray]]) -> None:
    moments, by_block = measured
    for factor in (3.0, 100.0):
        frame = massive_shares(moments, factor)
        for row, values in zip(frame.itertuples(), by_block, strict=True):
            assert row.median == pytest.approx(np.median(np.abs(values)), rel=1 / 16)
            assert row.threshold == factor * row.median
            exact = (np.abs(values) >= row.threshold).sum() / values.size
            assert row.share_low <= exact + 1e-15
            assert exact <= row.share_high + 1e-15
            assert row.share_low <= row.share <= row.share_high
            massive = (np.abs(values) > factor * np.median(np.abs(values))).mean()
            assert row.share_low <= massive + 1e-15
            assert massive <= row.share_high + 1e-15
    assert massive_shares(moments)["share"][1] == pytest.approx(3 / by_block[1].size)


def test_bounds_hold_for_the_true_median_wherever_it_is_in_its_bin() -> None:
    """Each case has activations between 100 × the true median and 100 × the one that the histogram interpolates."""
    cases = [
        [1.001] * 10 + [101.0, 102.0, 106.0],
        [1.061] * 10 + [100.0, 104.0, 106.05, 106.2],
        [1.0] * 5 + [1.9] * 2 + [2.0] * 2 + [3.0] * 3 + [145.0, 190.0, 194.9, 195.0, 195.1, 206.0],  # between two bins
        [1.0] * 4 + [9.0] * 4 + [450.0, 500.0],
        [1.0] * 4 + [100.0] * 3,  # 100 × the median itself is not massive
    ]
    moments = moments_of_values(cases)
    frame = massive_shares(moments)
    for row, values in zip(frame.itertuples(), cases, strict=True):
        exact = np.mean(np.array(values) > 100 * np.median(values))
        assert row.share_low <= exact + 1e-12, row
        assert exact <= row.share_high + 1e-12, row
        assert row.share_low <= row.share <= row.share_high


def test_where_massive_activations_are(measured: tuple[SiteMoments, list[np.ndarray]]) -> None:
    moments, by_block = measured
    frame = massive_activations(moments)
    found = {tuple(row) for row in frame[["block", "document", "position", "feature", "magnitude"]].itertuples(False)}
    planted = {(1, 5, 30, 7, 900.0), (1, 1, 4, 11, 700.0), (1, 1, 4, 40, 701.0), (2, 0, 13, 3, 5000.0)}
    assert planted <= found
    assert all(entry in planted for entry in found if entry[0] in (1,))
    medians = np.array([np.median(np.abs(values)) for values in by_block])
    np.testing.assert_allclose(frame["ratio"], frame["magnitude"] / medians[frame["block"]], rtol=1 / 16)
    assert (frame["ratio"] >= 100).all()
    assert len(massive_map(frame, "feature").data) == 1


def test_the_largest_of_every_block(measured: tuple[SiteMoments, list[np.ndarray]]) -> None:
    moments, by_block = measured
    frame = largest_frame(moments)
    for block, values in enumerate(by_block):
        rows = frame[frame["block"] == block]
        np.testing.assert_array_equal(rows["magnitude"], np.sort(np.abs(values).ravel())[::-1][:32])
    without_first = largest_frame(moments.pooled(["rest"]))
    assert not ((without_first["document"] == 5) & (without_first["position"] == 30)).any()


def test_statistics_of_every_feature(measured: tuple[SiteMoments, list[np.ndarray]]) -> None:
    moments, by_block = measured
    frame = feature_frame(moments)
    assert list(frame.columns) == ["block", "feature", "mean", "variance", "std", "mean_abs"]
    for block, values in enumerate(by_block):
        rows = frame[frame["block"] == block]
        assert list(rows["feature"]) == list(range(64))
        np.testing.assert_allclose(rows["mean"], values.mean(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(rows["variance"], values.var(axis=0), rtol=1e-9)
        np.testing.assert_allclose(rows["std"], values.std(axis=0), rtol=1e-9)
        np.testing.assert_allclose(rows["mean_abs"], np.abs(values).mean(axis=0), rtol=1e-9)
    assert feature_heatmap(frame, "variance").data


def test_a_rectified_site_has_no_median() -> None:
    model = wrap(build("opt"), tokenizer=None)
    with Collector(model, ("mlp",)) as collector:
        for block in model.blocks:
            block.fc1.bias.data -= 1.5  # most neurons are then silent
        (batch,) = make_batches(WINDOWS, 0, padding_per_batch=None)
        collector.begin(batch)
        run_base(model, batch)
        moments = collector.profile().sites["mlp"]
    assert np.isnan(median_magnitude(moments)).all()
    assert massive_shares(moments)[["median", "share", "share_low", "share_high"]].isna().all(axis=None)
    assert len(massive_activations(moments)) == 0
    assert len(largest_frame(moments)) > 0
    for factor in (0.0, float("nan"), -3.0):
        with pytest.raises(SettingError, match="positive multiple"):
            massive_shares(moments, factor)


def test_no_torch_is_needed_to_read_them() -> None:
    code = (
        "import sys, avss_core.activations, avss_core.activations.features, avss_core.activations.magnitudes, "
        "avss_core.activations.massive, avss_core.activations.parquet\n"
        "assert not {'torch', 'transformers', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
