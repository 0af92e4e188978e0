from __future__ import annotations

import numpy as np
import pytest

from avss_core.errors import CutError
from avss_core.figures.strip import network_strip, rows_of, strips_by_size


def by_kind(figure) -> dict[str, object]:
    return {trace.name.split(" ")[0]: trace for trace in figure.data}


def test_every_block_is_there_once_with_its_number() -> None:
    figure = network_strip(30, removed=(3, 4, 20), protected=(0, 29))
    numbers = sorted(int(text) for trace in figure.data for text in trace.text)
    assert numbers == list(range(30))
    kinds = by_kind(figure)
    assert list(kinds["removed"].customdata) == [3, 4, 20]
    assert list(kinds["protected"].customdata) == [0, 29]
    assert [trace.name for trace in figure.data] == ["kept (25)", "removed (3)", "protected (2)"]
    assert figure.layout.title.text == "27 of 30 blocks kept"
    assert "block %{customdata}: removed" in kinds["removed"].hovertemplate


def test_removed_blocks_differ_by_more_than_colour() -> None:
    kinds = by_kind(network_strip(12, removed=(5,), protected=(0,)))
    assert kinds["removed"].marker.pattern.shape == "/"
    assert kinds["removed"].marker.color.replace(" ", "") == "rgba(0,0,0,0)"
    assert kinds["kept"].marker.pattern.shape is None
    assert kinds["protected"].marker.line.width > kinds["kept"].marker.line.width


def test_a_kind_without_blocks_has_no_entry() -> None:
    assert [trace.name for trace in network_strip(4).data] == ["kept (4)"]


@pytest.mark.parametrize(("n_blocks", "per_row"), [(1, 1), (30, 30), (32, 32), (33, 17), (48, 24), (80, 27), (126, 32)])
def test_long_networks_fold_into_equal_rows(n_blocks: int, per_row: int) -> None:
    assert rows_of(n_blocks) == per_row


def test_blocks_are_placed_row_by_row() -> None:
    (kept,) = network_strip(48).data
    place = dict(zip(kept.customdata, zip(kept.x, kept.base, strict=True), strict=True))
    assert place[0][0] == place[24][0] == 0
    assert place[23][0] == 23
    assert place[24][1] < place[0][1], "later rows lie below"


def test_impossible_cuts_are_refused() -> None:
    with pytest.raises(CutError, match="no block 30; its blocks are 0 to 29"):
        network_strip(30, removed=(30,))
    with pytest.raises(CutError, match="no block -1"):
        network_strip(30, protected=(-1,))
    with pytest.raises(CutError, match="Block 0 cannot be removed and protected"):
        network_strip(30, removed=(0, 1), protected=(0,))
    with pytest.raises(CutError, match="at least one block"):
        network_strip(0)


def test_strips_of_all_sizes_stand_under_each_other() -> None:
    figure = strips_by_size(6, [(), (2,), (2, 4), (1, 2, 4)], protected=(0,), chosen=(4, 2))
    cells = figure.data[0]
    expected = np.array(
        [[2, 0, 0, 0, 0, 0], [2, 0, 1, 0, 0, 0], [2, 0, 1, 0, 1, 0], [2, 1, 1, 0, 1, 0]]
    )  # kept, removed, protected
    np.testing.assert_array_equal(np.asarray(cells.z), expected)
    np.testing.assert_array_equal(np.asarray(cells.text) == "×", expected == 1)
    assert list(np.asarray(cells.customdata)[3, 1]) == ["removed", "3"]
    assert [trace.name for trace in figure.data[1:]] == ["kept", "removed (×)", "protected (•)"]
    assert [["•" in text for text in row] for row in cells.text] == (expected == 2).tolist()
    (frame,) = figure.layout.shapes
    assert (frame.y0, frame.y1) == (1.5, 2.5)
    top, bottom = figure.layout.yaxis.range[1], figure.layout.yaxis.range[0]
    assert (top, bottom) == (-0.5, 3.5), "the smallest cut stands on top"


def test_strips_without_a_cut_and_impossible_ones() -> None:
    assert "No cut" in strips_by_size(4, []).layout.annotations[0].text
    assert [trace.name for trace in strips_by_size(4, [(1,)]).data[1:]] == ["kept", "removed (×)"]
    assert not strips_by_size(4, [(1,)], chosen=(2,)).layout.shapes
    with pytest.raises(CutError, match="no block 4"):
        strips_by_size(4, [(4,)])
    with pytest.raises(CutError, match="Block 1 cannot be removed and protected"):
        strips_by_size(4, [(1,)], protected=(1,))
