"""A profile written to Parquet and read again is the same, bit by bit."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from measured_by_hand import random_windows
from random_models import build

from avss_core.activations.labels import LabelledTokens
from avss_core.activations.measure import measure
from avss_core.activations.moments import Profile, SiteMoments
from avss_core.activations.parquet import read_profile, write_profile
from avss_core.models.load import wrap

SITES = ("residual", "update", "mlp", "attention")


def assert_identical(a: SiteMoments, b: SiteMoments) -> None:
    assert a.groups == b.groups
    for field in fields(SiteMoments)[1:]:
        left, right = getattr(a, field.name), getattr(b, field.name)
        assert left.dtype == right.dtype, field.name
        assert left.shape == right.shape, field.name
        assert left.tobytes() == right.tobytes(), field.name


@pytest.fixture
def profile() -> Profile:
    network = build("mixtral")
    network.set_experts_implementation("eager")
    return measure(wrap(network, tokenizer=None), random_windows(9, 4, 1), SITES)


def test_there_and_back(profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "shard.parquet"
    write_profile(profile, path)
    again = read_profile(path)
    assert again.missing == profile.missing
    assert set(again.missing) == {"mlp"}
    assert list(again.sites) == list(profile.sites)
    for site, moments in profile.sites.items():
        assert_identical(again.sites[site], moments)
    assert [file.name for file in tmp_path.iterdir()] == ["shard.parquet"]
    assert (again + profile).tokens == 28  # what was read can be added to


def test_awkward_names_and_empty_groups(tmp_path: Path) -> None:
    names = ["*", "", "größer — 'x'", "never"]
    labels: dict[int, list[str | None]] = {d: [names[d], names[2], None, names[0]] for d in range(3)}
    model = wrap(build("bert"), tokenizer=None)
    moments = measure(model, random_windows(4, 4, 3), ("update",), LabelledTokens(labels, names)).sites["update"]
    assert moments.tokens.tolist() == [3, 1, 4, 0]
    write_profile(Profile({"update": moments}, {}), tmp_path / "x.parquet")
    assert_identical(read_profile(tmp_path / "x.parquet").sites["update"], moments)


def test_values_that_are_not_ordinary(profile: Profile, tmp_path: Path) -> None:
    moments = profile.sites["update"]
    moments.mean[0, 0], moments.m2[1, 1], moments.abs_sum[0, 1] = np.nan, np.inf, 5e-324
    moments.histogram[0, 0, 3] = 2**62
    write_profile(profile, tmp_path / "x.parquet")
    assert_identical(read_profile(tmp_path / "x.parquet").sites["update"], moments)


def test_any_tool_can_read_it(profile: Profile, tmp_path: Path) -> None:
    write_profile(profile, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet").to_pandas()
    assert len(table) == 3 * 4 * 3
    row = table[(table["site"] == "update") & (table["block"] == 2) & (table["group"] == "rest")].iloc[0]
    moments = profile.sites["update"]
    assert row["tokens"] == 11
    assert row["abs_sum"] == moments.abs_sum[2, 1]
    assert sum(row["histogram"]) == 11 * 64
    assert row["largest_magnitude"][0] == moments.largest["magnitude"][2, 1, 0]


def test_a_write_that_fails_leaves_nothing(profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space"):
        write_profile(profile, tmp_path / "x.parquet")
    assert not (tmp_path / "x.parquet").exists()
