"""Which tokens are measured together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from avss_core.activations.layout import PADDING, Layout, layout_of
from avss_core.activations.moments import FIRST_TOKEN, REST
from avss_core.activations.row_chunks import RowChunks
from avss_core.corpora.batches import Batch

# A row's document and position in one number that sorts as the two do.
DOCUMENT_SHIFT = 32


class Grouping(Protocol):
    """Divides the tokens of a batch into named groups."""

    @property
    def names(self) -> tuple[str, ...]:
        """The groups."""
        ...

    def codes(self, layout: Layout) -> Tensor:
        """(sequences, tokens) int64: the index of each token's group in `names`, `PADDING` where it counts in none."""
        ...


@dataclass(frozen=True)
class FirstTokenApart:
    """The first token of every window is a group of its own: it often carries activations that swamp the variance."""

    names: tuple[str, ...] = (FIRST_TOKEN, REST)

    def codes(self, layout: Layout) -> Tensor:
        return torch.where(layout.is_token, (layout.place > 0).long(), PADDING)


@dataclass(frozen=True, eq=False)
class TokenGroups:
    """One batch's grouping on the model's device, in the shapes that accumulators need; rows are the batch's places.

    Rows are also ranked by document and position, so that of equally large activations the same ones are kept in
    whatever batch they come.
    """

    codes: Tensor  # (rows,) int64, PADDING where a row is not measured
    members: Tensor  # (rows, G) of 0 and 1
    window: Tensor  # (rows,) the window of each row, n_windows at padding
    place: Tensor  # (rows,) the place of each row in its window
    n_windows: int
    longest_window: int
    rank: Tensor  # (rows,) place of each row when rows are sorted by document and position
    row_of_rank: Tensor  # (rows,) the rows in that order
    origin: Tensor  # (rows,) document and position of each row, as DOCUMENT_SHIFT says
    counts: Tensor  # (2 G + 1,) tokens of each group; windows with a token of each group, and of any

    @classmethod
    def of(cls, batch: Batch, grouping: Grouping, device: torch.device, dtype: torch.dtype) -> TokenGroups:
        """Compute where the batch is, without waiting for it, and move to `device`; `dtype` is that of the sums."""
        layout = layout_of(batch)
        n_windows = len(layout.windows)
        codes, window = grouping.codes(layout).flatten(), layout.window.flatten()
        window = torch.where(window == PADDING, n_windows, window)
        members = codes[:, None] == torch.arange(len(grouping.names), device=codes.device)
        origin = _origins(layout).flatten()
        row_of_rank = origin.argsort(stable=True)
        rows = torch.arange(len(codes), device=codes.device)
        return cls(
            codes=codes.to(device),
            members=members.to(device, dtype),
            window=window.to(device),
            place=layout.place.flatten().to(device),
            n_windows=n_windows,
            longest_window=max(map(len, layout.windows)),
            rank=torch.empty_like(rows).scatter_(0, row_of_rank, rows).to(device),
            row_of_rank=row_of_rank.to(device),
            origin=origin.to(device),
            counts=_counts(members, window, n_windows).to(device),
        )

    @cached_property
    def chunks(self) -> RowChunks:
        """The rows as the kernel in main memory takes them."""
        return RowChunks.of(self.codes.numpy(), self.members.shape[1], self.rank.numpy())


def _origins(layout: Layout) -> Tensor:
    device, window = layout.window.device, layout.window.clamp(min=0)
    documents = torch.tensor([w.document for w in layout.windows]).to(device)
    starts = torch.tensor([w.start for w in layout.windows]).to(device)
    return (documents[window] << DOCUMENT_SHIFT) + starts[window] + layout.place


def _counts(members: Tensor, window: Tensor, n_windows: int) -> Tensor:
    by_window = torch.zeros((n_windows + 1, members.shape[1]), dtype=torch.int64, device=members.device)
    by_window.index_add_(0, window, members.long())
    present = by_window > 0
    return torch.cat([by_window.sum(dim=0), present.sum(dim=0), present.any(dim=1).sum()[None]])
