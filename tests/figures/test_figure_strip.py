from __future__ import annotations

import pytest

from avss_core.errors import CutError
from avss_core.figures.strip import network_strip, rows_of


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
