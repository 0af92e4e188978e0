"""Other modules in the blocks' places for a moment, so that what surrounds the blocks can be run without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

Answer = Callable[[int, tuple[Any, ...], dict[str, Any]], Any]


class StandIn(nn.Module):
    """Takes a block's place: a call goes to `answer`, any other attribute (`attention_type`, …) is the block's own."""

    def __init__(self, index: int, block: nn.Module, answer: Answer) -> None:
        super().__init__()
        self.eval()
        # In a tuple, so that the block does not become a part of its stand-in.
        self._place = (index, block, answer)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What `answer(index, args, kwargs)` says the block would return."""
        index, _, answer = self._place
        return answer(index, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        """An attribute that this module lacks is looked up in the block."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["_place"][1], name)


@contextmanager
def stand_ins(blocks: nn.ModuleList, answer: Answer) -> Iterator[None]:
    """Within it, a stand-in is in every block's place; afterwards, also after an error, the blocks are back."""
    originals = list(blocks)
    try:
        for index, block in enumerate(originals):
            blocks[index] = StandIn(index, block, answer)
        yield
    finally:
        for index, block in enumerate(originals):
            blocks[index] = block
