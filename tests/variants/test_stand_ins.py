from __future__ import annotations

import pytest
import torch
from torch import nn

from avss_core.variants.stand_ins import stand_ins


class Block(nn.Module):
    kind = "sliding"

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.layer_type = "full_attention"

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.inner(hidden)


def test_a_stand_in_answers_and_shows_the_blocks_attributes() -> None:
    blocks = nn.ModuleList([Block(), Block()])
    originals = list(blocks)
    with stand_ins(blocks, lambda index, args, kwargs: (index, args, kwargs)):
        assert blocks[1](3, mask=4) == (1, (3,), {"mask": 4})
        assert blocks[0].layer_type == "full_attention"
        assert blocks[0].kind == "sliding"
        assert blocks[0].inner is originals[0].inner
        assert not blocks[0].training
        with pytest.raises(AttributeError, match="no_such_thing"):
            _ = blocks[0].no_such_thing
        # A stand-in holds no weights, so that nobody finds a block twice.
        assert list(blocks.parameters()) == []
    assert [a is b for a, b in zip(blocks, originals, strict=True)] == [True, True]


def test_an_error_brings_the_blocks_back() -> None:
    blocks = nn.ModuleList([Block(), Block()])
    originals = list(blocks)
    with pytest.raises(ZeroDivisionError), stand_ins(blocks, lambda index, args, kwargs: 1 / 0):
        blocks[0]()
    assert [a is b for a, b in zip(blocks, originals, strict=True)] == [True, True]
