"""Which tokens are measured together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from avss_core.activations.moments import FIRST_TOKEN, REST
from avss_core.corpora.batches import Batch

PADDING = -1


class Grouping(Protocol):
    """Divides the tokens of a batch into named groups."""

    names: tuple[str, ...]

    def codes(self, batch: Batch) -> Tensor:
        """(sequences, tokens) int64: the index of each token's group in `names`, `PADDING` where it counts in none."""
        ...


@dataclass(frozen=True)
class FirstTokenApart:
    """The first token of every window is a group of its own: it often carries activations that swamp the variance."""

    names: tuple[str, ...] = (FIRST_TOKEN, REST)

    def codes(self, batch: Batch) -> Tensor:
        place = batch.attention_mask.cumsum(dim=1)
        return torch.where(batch.attention_mask == 0, PADDING, (place > 1).long())


@dataclass(frozen=True, eq=False)
class TokenGroups:
    """One batch's grouping on the model's device, in the shapes that the accumulators need; rows are the batch's tokens."""

    codes: Tensor  # (rows,) int64
    members: Tensor  # (rows, G) of 0 and 1
    sequences: int
    documents: Tensor  # (rows,) index of the document
    positions: Tensor  # (rows,) place in the document

    @classmethod
    def of(cls, batch: Batch, grouping: Grouping, device: torch.device, dtype: torch.dtype) -> TokenGroups:
        """Compute on the host and copy once; `dtype` is that of the device's sums."""
        codes = grouping.codes(batch)
        numbers = torch.arange(len(grouping.names))
        place = batch.attention_mask.cumsum(dim=1) - 1
        starts = torch.tensor([window.start for window in batch.windows])[:, None]
        documents = torch.tensor([window.document for window in batch.windows])[:, None]
        return cls(
            codes=codes.flatten().to(device),
            members=(codes.flatten()[:, None] == numbers).to(device, dtype),
            sequences=codes.shape[0],
            documents=documents.expand_as(codes).flatten().to(device),
            positions=(starts + place).flatten().to(device),
        )
