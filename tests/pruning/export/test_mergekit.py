from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from avss_core.errors import CutError
from avss_core.pruning.export import kept_stretches, passthrough_yaml
from avss_core.pruning.export.mergekit import left_to_do_by_hand


def blocks_of(text: str) -> list[int]:
    """The blocks of the original in the order that mergekit stacks them: `layer_range` is half-open."""
    slices = yaml.safe_load(text)["slices"]
    assert all(len(piece["sources"]) == 1 for piece in slices)
    return [block for piece in slices for block in range(*piece["sources"][0]["layer_range"])]


@pytest.mark.parametrize(
    ("kept", "stretches"),
    [
        ((0, 1, 2, 5, 6), [(0, 3), (5, 7)]),
        ((4,), [(4, 5)]),
        ((0, 2, 4), [(0, 1), (2, 3), (4, 5)]),
        (range(30), [(0, 30)]),
    ],
)
def test_neighbours_make_one_half_open_range(kept: tuple[int, ...], stretches: list[tuple[int, int]]) -> None:
    assert kept_stretches(kept) == stretches


@given(st.sets(st.integers(0, 40), min_size=1).map(sorted))
def test_the_ranges_are_the_kept_blocks_in_as_few_pieces_as_there_are_gaps(kept: list[int]) -> None:
    text = passthrough_yaml("owner/name", kept, "bfloat16")
    assert blocks_of(text) == kept
    gaps = sum(block + 1 not in kept for block in kept)
    assert len(yaml.safe_load(text)["slices"]) == gaps


def test_a_whole_configuration() -> None:
    assert yaml.safe_load(passthrough_yaml("owner/name", (0, 1, 3), "bfloat16")) == {
        "merge_method": "passthrough",
        "dtype": "bfloat16",
        "slices": [
            {"sources": [{"model": "owner/name", "layer_range": [0, 2]}]},
            {"sources": [{"model": "owner/name", "layer_range": [3, 4]}]},
        ],
    }


@pytest.mark.parametrize(
    "path",
    ['/models/a "quoted" name', "/models/#1: ü, 日本", "C:\\models\\tiny", "/models/*star", "-", "null", "/😀/m"],
)
def test_any_path_survives(path: str) -> None:
    (piece,) = yaml.safe_load(passthrough_yaml(path, (0,), "float32"))["slices"]
    assert piece["sources"][0]["model"] == path


@pytest.mark.parametrize("path", ["/models/v1+v2", "/home/me@work/model"])
def test_signs_that_mean_something_to_mergekit_are_taken_apart(path: str) -> None:
    (piece,) = yaml.safe_load(passthrough_yaml(path, (0,), "float32"))["slices"]
    assert piece["sources"][0]["model"] == {"model": {"path": path}}


def test_a_revision_goes_with_the_model() -> None:
    (piece,) = yaml.safe_load(passthrough_yaml("owner/name", (0,), "float32", revision="v1.0"))["slices"]
    assert piece["sources"][0]["model"] == {"model": {"path": "owner/name", "revision": "v1.0"}}


def test_what_must_be_done_by_hand_stands_above_it() -> None:
    comments = left_to_do_by_hand(["layer_types"])
    text = passthrough_yaml("owner/name", (0, 2), "float32", comments=comments)
    assert text.splitlines()[1].startswith("# mergekit leaves layer_types as in the original, and may stop")
    assert blocks_of(text) == [0, 2]
    assert left_to_do_by_hand([]) == []


def test_a_cut_of_everything_is_refused() -> None:
    with pytest.raises(CutError, match="keep at least one"):
        passthrough_yaml("owner/name", (), "float32")
