from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from avss_core.errors import CutError
from avss_core.variants import Variant


def test_kept_and_removed_share_the_blocks_out() -> None:
    variant = Variant((0, 2, 3), 5)
    assert variant.removed == (1, 4)
    assert variant.key == "0,2,3"


def test_full_and_without() -> None:
    assert Variant.full(3) == Variant((0, 1, 2), 3)
    assert Variant.without(5, [4, 1]) == Variant((0, 2, 3), 5)
    assert Variant.without(3, [0, 1, 2]) == Variant((), 3)


def test_numpy_indices_are_the_same_variant() -> None:
    assert Variant(tuple(np.array([0, 2])), 4) == Variant((0, 2), 4)
    assert hash(Variant(tuple(np.array([0, 2])), 4)) == hash(Variant((0, 2), 4))


@pytest.mark.parametrize("kept", [(0, 4), (-1, 2)])
def test_a_kept_block_that_does_not_exist_is_refused(kept: tuple[int, ...]) -> None:
    with pytest.raises(CutError, match="blocks 0 to 3"):
        Variant(kept, 4)


@pytest.mark.parametrize("kept", [(1, 1), (2, 1)])
def test_kept_blocks_out_of_order_are_refused(kept: tuple[int, ...]) -> None:
    with pytest.raises(CutError, match="rising order"):
        Variant(kept, 4)


def test_a_removed_block_that_does_not_exist_is_refused() -> None:
    with pytest.raises(CutError, match=r"no block 7 to remove.*blocks 0 to 3"):
        Variant.without(4, [1, 7])


def test_the_public_names_need_no_torch() -> None:
    code = (
        "import sys, avss_core.variants, avss_core.tasks, avss_core.pruning\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
