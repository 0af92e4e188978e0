"""Hidden states that stay from one walk to the next, for variants that can only be asked for one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.variants.variant import Variant

Blocks = tuple[int, ...]
_Content = tuple[bytes, bytes]


class KeptPrefixes:
    """The states of one model after prefixes of kept blocks, at most `memory_budget` bytes over all batches together.

    Where they are more, every second depth is forgotten, as often as needed; so what is kept is evenly spread, and a
    walk begins few blocks below what it could share. They are given out to be read, not to be written to. A batch is
    known by its tokens and its mask, so it may be made again for every walk.
    """

    def __init__(self, memory_budget: int) -> None:
        self.memory_budget = memory_budget
        self.bytes = 0
        self._states: dict[tuple[_Content, Blocks], Tensor] = {}
        self._spacing = 1  # kept are the states after so many blocks, twice as many, …

    def stand_on(self, variant: Variant) -> None:
        """Forget all states but those from which `variant` with one more block left out, or several, can begin."""
        kept = variant.kept
        self._keep_only(lambda path: len(path) < len(kept) and path == kept[: len(path)])

    def of(self, batch: Batch) -> PrefixesOfBatch:
        """Those of one batch."""
        ids, mask = (tensor.cpu().numpy().tobytes() for tensor in (batch.input_ids, batch.attention_mask))
        return PrefixesOfBatch(self, (ids, mask))

    def _add(self, content: _Content, path: Blocks, state: Tensor) -> None:
        if len(path) % self._spacing or (content, path) in self._states:
            return
        self._states[content, path] = state
        self.bytes += _bytes(state)
        while self.bytes > self.memory_budget:
            self._spacing *= 2
            self._keep_only(lambda path: len(path) % self._spacing == 0)

    def _keep_only(self, wanted: Callable[[Blocks], bool]) -> None:
        self._states = {key: state for key, state in self._states.items() if wanted(key[1])}
        self.bytes = sum(map(_bytes, self._states.values()))


@dataclass(frozen=True, eq=False)
class PrefixesOfBatch:
    """The states of `kept` that belong to one batch."""

    kept: KeptPrefixes
    content: _Content

    def nearest(self, path: Blocks, state: Tensor, goal: Blocks) -> tuple[Blocks, Tensor]:
        """The state closest before `goal`: a kept one, or `state`, which is that after `path`, the beginning of it."""
        for depth in range(len(goal), len(path), -1):
            found = self.kept._states.get((self.content, goal[:depth]))
            if found is not None:
                return goal[:depth], found
        return path, state

    def keep(self, path: Blocks, state: Tensor) -> None:
        """Keep the state after `path`, if there is room."""
        self.kept._add(self.content, path, state)


def _bytes(state: Tensor) -> int:
    return state.numel() * state.element_size()
