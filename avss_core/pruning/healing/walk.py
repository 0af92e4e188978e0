"""A model's state on one batch, block after block, as far as asked."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.models.load import LoadedModel
from avss_core.variants.calls import Calls, record_calls


class Walk:
    """`at(n)` is the state after the first n blocks; n must not become smaller.

    With `holds` the state stays in memory, so that the next call goes on from there; else every call starts from the
    embeddings, and nothing is kept.
    """

    def __init__(self, model: LoadedModel, batch: Batch, holds: bool) -> None:
        self._model, self._batch, self._holds = model, batch, holds
        self._calls: Calls | None = None
        self._state: Tensor | None = None
        self._place = 0

    def calls(self) -> Calls:
        """How the model calls its blocks on this batch."""
        calls = self._calls or record_calls(self._model, self._batch)
        if self._holds:
            self._calls = calls
        return calls

    def at(self, place: int) -> Tensor:
        """The state (sequences, tokens, hidden) after `place` blocks."""
        calls = self.calls()
        state = calls.embeddings if self._state is None else self._state
        state = run_blocks(calls, range(self._place, place), state)
        if self._holds:
            self._state, self._place = state, place
        return state


def run_blocks(calls: Calls, blocks: Iterable[int], state: Tensor) -> Tensor:
    """Send a state through blocks, one after another."""
    for block in blocks:
        state = calls.run(block, state)
    return state


def states_fit(model: LoadedModel, batches: Iterable[Batch], memory_budget: int) -> bool:
    """Whether two states (of the whole and of the pruned model) of all batches fit into so many bytes."""
    places = sum(batch.input_ids.numel() for batch in batches)
    return 2 * places * model.hidden_size * model.dtype.itemsize <= memory_budget
