from __future__ import annotations

from avss_core.commands.blocks import parse_blocks
from avss_core.pruning.healing import Stretch, stretches_of
from avss_core.pruning.healing.stretches import blocks_as_text
from avss_core.variants import Variant


def test_neighbours_are_one_stretch() -> None:
    found = stretches_of(Variant.without(10, [7, 2, 3, 4, 9]))
    assert found == (Stretch(2, 4, place=2), Stretch(7, 7, place=4), Stretch(9, 9, place=5))
    assert [stretch.length for stretch in found] == [3, 1, 1]
    assert [stretch.name for stretch in found] == ["2–4", "7", "9"]


def test_the_first_block_gone_has_place_0() -> None:
    assert stretches_of(Variant.without(4, [0, 1])) == (Stretch(0, 1, place=0),)


def test_the_place_counts_the_kept_blocks_that_run_before() -> None:
    variant = Variant.without(9, [0, 3, 4, 8])
    for stretch in stretches_of(variant):
        assert stretch.place == sum(block < stretch.first for block in variant.kept)


def test_the_whole_model_has_no_stretch() -> None:
    assert stretches_of(Variant.full(5)) == ()


def test_blocks_as_they_are_typed() -> None:
    assert blocks_as_text((12, 3, 4, 5)) == "3-5, 12"
    assert blocks_as_text((7,)) == "7"
    assert parse_blocks(blocks_as_text((0, 1, 2, 7, 9, 10))) == (0, 1, 2, 7, 9, 10)
