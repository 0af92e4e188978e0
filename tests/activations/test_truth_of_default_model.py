"""The default model in float32 on a fixed text, against NumPy in float64 over what its modules themselves put out.

From its safetensors, and from its GGUF file where one is named: the cache keeps only what was made of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from measured_by_hand import catching, rows_of_windows, statistics, taken_input, taken_output
from numpy.typing import NDArray

from avss_core.activations.collector import Collector
from avss_core.activations.forward import run_base
from avss_core.activations.magnitude_bins import share_below, share_bounds
from avss_core.activations.moments import Profile
from avss_core.corpora.batches import make_batches
from avss_core.corpora.windows import Window
from avss_core.importance import Epsilon, score_table
from avss_core.models.load import load_model
from avss_core.models.package import PACKAGE
from avss_core.models.spec import ModelSpec

TEXT = """The ferry left the harbour at 6:40, ten minutes late, with nineteen passengers and one bicycle. Nobody spoke.
A gull followed for a while, then turned back toward the cranes. "You will like the island," the woman in the green coat
said at last, "if you like wind." She was a geologist; she had mapped the northern cliffs in 1998 and again in 2017, and
between the two maps lay eleven metres of missing land. The sea takes about 58 centimetres a year, she explained, but
never evenly: nothing for four winters, then a whole field in a night.

def erosion(years, rate=0.58):
    # metres lost, on average
    return years * rate

Granite, basalt, slate: the boy wrote the words into his notebook and underlined the second. Basalt is what remains when
lava cools quickly, so its crystals are too small to see. Slate was mud once. He asked whether mud could become stone
again, and she laughed, and said that it did so all the time, only that nobody had ever had the patience to watch. By
noon the wind had risen to force seven and the captain, who did not hurry for anyone, asked them to come inside."""
LENGTH = 128
SITES = ("residual", "update", "mlp", "attention")
EPSILON = 0.013  # between two bin edges
EDGES = [2.0**-12, 2.0**-7, 0.0625 * (1 + 5 / 16), 0.25, 1.0, 1.75, 8.0, 64.0]

ByBlock = list[list[NDArray[np.float64]]]  # the real tokens of each window, block by block


@pytest.fixture(scope="module", params=["safetensors", "GGUF"])
def source(request: pytest.FixtureRequest) -> str:
    if request.param == "safetensors":
        return "default"
    if not os.environ.get("AVSS_DEFAULT_GGUF"):
        pytest.skip(f"its GGUF file is not kept; to test it too, set AVSS_DEFAULT_GGUF to the file in {PACKAGE}")
    return os.environ["AVSS_DEFAULT_GGUF"]


@pytest.fixture(scope="module")
def measured(source: str) -> Iterator[tuple[Profile, dict[str, ByBlock]]]:
    """The profile and, caught in the same forward pass, what it should be a profile of."""
    model = load_model(ModelSpec(source, dtype="float32", device="cpu"))
    ids = model.tokenizer(TEXT)["input_ids"]
    assert len(ids) > 250
    windows = [Window(0, start, tuple(ids[start : start + LENGTH])) for start in range(0, len(ids), LENGTH)]
    (batch,) = make_batches(windows, model.tokenizer.pad_token_id, padding_per_batch=None)
    places: dict[Any, Any] = {}
    for index, block in enumerate(model.blocks):
        places["before", index] = (block, taken_input)
        places["residual", index] = (block, taken_output)
        places["mlp", index] = (block.mlp.down_proj, taken_input)
        places["attention", index] = (block.self_attn, taken_output)
    with Collector(model, SITES) as collector, catching(places) as caught:
        collector.begin(batch)
        run_base(model, batch)
        profile = collector.profile()
    by_hand: dict[str, ByBlock] = {site: [] for site in SITES}
    for index in range(model.n_blocks):
        after = caught["residual", index][0].astype(np.float32)
        values = {
            "residual": after,
            "update": after - caught["before", index][0].astype(np.float32),  # as the float32 the network adds
            "mlp": caught["mlp", index][0],
            "attention": caught["attention", index][0],
        }
        for site, value in values.items():
            by_hand[site].append(rows_of_windows(batch, value.astype(np.float64)))
    return profile, by_hand


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("skip_first", [False, True])
def test_statistics_of_every_block(measured: tuple[Profile, dict[str, ByBlock]], site: str, skip_first: bool) -> None:
    profile, by_hand = measured
    table = score_table(profile, site, Epsilon(EPSILON), skip_first)
    assert len(table) == 30
    for index, windows in enumerate(by_hand[site]):
        expected = statistics([window[1:] for window in windows] if skip_first else windows, EPSILON)
        row = table.loc[index]
        assert row["n"] == expected["n"]
        assert abs(row["mean"] - expected["mean"]) <= 1e-6 * expected["std"]
        for name in ("variance", "std", "l1", "l2", "frobenius"):
            assert row[name] == pytest.approx(expected[name], rel=1e-6), (index, name)


@pytest.mark.parametrize("site", SITES)
def test_scores_follow_from_them(measured: tuple[Profile, dict[str, ByBlock]], site: str) -> None:
    """Equations (3) and (5)–(9), at an ε that is a bin edge, so that the sparsity is exact."""
    profile, by_hand = measured
    epsilon = 2.0**-6
    table = score_table(profile, site, Epsilon(epsilon))
    found = [statistics(windows, epsilon) for windows in by_hand[site]]
    variance = np.array([entry["variance"] for entry in found])
    sparsity = np.array([entry["sparsity"] for entry in found])
    floored = sparsity == 0
    avss = variance / np.where(floored, 1 / np.array([entry["n"] for entry in found]), sparsity)
    expected = {
        "sparsity": sparsity,
        "variance_share": variance / variance.sum(),
        "sparsity_share": sparsity / sparsity.sum(),
        "sparsity_deviation": np.abs(sparsity - sparsity / sparsity.sum()),
        "avss": avss,
        "avss_share": avss / avss.sum(),
        "avss_cumulative": np.cumsum(avss / avss.sum()),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(table[name], values, rtol=1e-6, atol=1e-15, err_msg=name)
    assert list(table["floored"]) == list(floored)


@pytest.mark.parametrize("site", SITES)
def test_sparsity_is_exact_at_bin_edges(measured: tuple[Profile, dict[str, ByBlock]], site: str) -> None:
    profile, by_hand = measured
    for epsilon in EDGES:
        table = score_table(profile, site, Epsilon(epsilon))
        exact = [statistics(windows, epsilon)["sparsity"] for windows in by_hand[site]]
        assert list(table["sparsity"]) == exact, epsilon


@pytest.mark.parametrize("site", SITES)
def test_between_edges_sparsity_lies_within_the_bounds_that_are_stated(
    measured: tuple[Profile, dict[str, ByBlock]], site: str
) -> None:
    profile, by_hand = measured
    histogram = profile.sites[site].pooled().histogram[:, 0]
    for epsilon in (0.01, 0.013, 0.1, 0.77):
        low, high = share_bounds(histogram, epsilon)
        exact = np.array([statistics(windows, epsilon)["sparsity"] for windows in by_hand[site]])
        assert (low <= exact).all()
        assert (exact <= high).all()
        assert (np.abs(share_below(histogram, epsilon) - exact) <= high - low).all()
        assert (high - low).max() < 0.05
        assert (high - low).max() > 0


def test_epsilon_as_a_multiple_of_sigma(measured: tuple[Profile, dict[str, ByBlock]]) -> None:
    profile, by_hand = measured
    table = score_table(profile, "update", Epsilon(0.1, relative=True))
    histogram = profile.sites["update"].pooled().histogram[:, 0]
    sigma = np.array([statistics(windows, 1.0)["std"] for windows in by_hand["update"]])
    exact = [statistics(windows, 0.1 * s)["sparsity"] for windows, s in zip(by_hand["update"], sigma, strict=True)]
    low, high = share_bounds(histogram, 0.1 * sigma)
    assert (np.abs(table["sparsity"] - exact) <= high - low + 1e-12).all()
