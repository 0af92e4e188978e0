"""What a pass is, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.importance.settings import RankSettings
from avss_core.models.load import LoadedModel
from avss_core.tasks.classes import class_batches, is_classifier

TOKENS_PER_BATCH = 2048

# Called with the share of the pass that has been done since the last call, often; raises Cancelled.
Done = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Measured:
    """Tables of sums, and how many blocks were run, each counted once for each token (padding left out)."""

    tables: list[pd.DataFrame]
    block_tokens: float


def sum_dtype(device: torch.device) -> torch.dtype:
    """The type to add up in: float64 where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def batches_of(model: LoadedModel, windows: Sequence[Window], tokens: int = TOKENS_PER_BATCH) -> list[Batch]:
    """The windows in padded batches of at most so many tokens, on the host."""
    if is_classifier(model):
        return class_batches(model, windows, tokens)
    return make_batches(windows, None if model.tokenizer is None else model.tokenizer.pad_token_id, tokens)


class Pass(Protocol):
    """Measure whole documents."""

    def __call__(
        self, model: LoadedModel, windows: Sequence[Window], settings: RankSettings, done: Done
    ) -> Measured: ...


@dataclass(frozen=True, eq=False)
class ByDocument:
    """Adds up numbers of windows or tokens, (…, items), by the document that each item belongs to."""

    documents: NDArray[np.int64]  # those there are, in rising order
    place: NDArray[np.int64]  # of each item's document in `documents`

    @classmethod
    def of(cls, documents: Sequence[int] | NDArray[np.int64]) -> ByDocument:
        """From the document of each item."""
        there_are, place = np.unique(np.asarray(documents, dtype=np.int64), return_inverse=True)
        return cls(there_are, place)

    def add_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(…, items) -> (documents, …)."""
        sums = np.zeros((len(self.documents), *values.shape[:-1]))
        np.add.at(sums, self.place, np.moveaxis(values.astype(np.float64), -1, 0))
        return sums

    def count(self) -> NDArray[np.float64]:
        """Items in each document."""
        return np.bincount(self.place, minlength=len(self.documents)).astype(np.float64)
