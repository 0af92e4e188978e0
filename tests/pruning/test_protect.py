from __future__ import annotations

import pytest

from avss_core.errors import CutError, SettingError
from avss_core.pruning import free_blocks, protected_ends


def test_ends() -> None:
    assert protected_ends(6) == ()
    assert protected_ends(6, first=1, last=2) == (0, 4, 5)
    assert protected_ends(3, first=2, last=2) == (0, 1, 2)
    with pytest.raises(SettingError, match="must not be negative"):
        protected_ends(6, first=-1)


def test_free_blocks() -> None:
    assert free_blocks(5, (3, 0, 3)) == (1, 2, 4)
    with pytest.raises(CutError, match="no block 5 to protect: the model has blocks 0 to 4"):
        free_blocks(5, (5,))
