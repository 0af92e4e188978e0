from __future__ import annotations

import numpy as np
import pytest

from avss_core.errors import CutError
from avss_core.pruning import Cut, parameter_reduction


def test_removed_and_kept_share_the_blocks_out() -> None:
    cut = Cut((4, 1), 6, "by hand")
    assert cut.removed == (1, 4)
    assert cut.kept == (0, 2, 3, 5)
    assert Cut((), 3, "nothing").kept == (0, 1, 2)


def test_numpy_indices_become_plain_integers() -> None:
    cut = Cut(tuple(np.array([2, 0])), 3, "by hand")
    assert [type(block) for block in cut.removed] == [int, int]


@pytest.mark.parametrize("removed", [(3,), (-1,)])
def test_a_block_that_does_not_exist(removed: tuple[int, ...]) -> None:
    with pytest.raises(CutError, match=rf"no block {removed[0]} to remove: the model has blocks 0 to 2"):
        Cut(removed, 3, "by hand")


def test_a_block_named_twice() -> None:
    with pytest.raises(CutError, match="Block 1 is named 2 times"):
        Cut((1, 2, 1), 4, "by hand")


def test_removing_every_block() -> None:
    with pytest.raises(CutError, match="removes all 3 blocks; keep at least one"):
        Cut((0, 1, 2), 3, "by hand")


def test_parameter_reduction_by_hand() -> None:
    reduction = parameter_reduction(Cut((0, 2), 4, "by hand"), [10, 20, 30, 40], 160)
    assert reduction.to_dict() == {"removed": 40, "of_all": 0.25, "of_blocks": 0.4}
    healed = parameter_reduction(Cut((0, 2), 4, "by hand"), [10, 20, 30, 40], 160, added=8)
    assert healed.to_dict() == {"removed": 32, "of_all": 0.2, "of_blocks": 0.32}
