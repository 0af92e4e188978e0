"""Which token of which window stands where in a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avss_core.activations.packed import PackedBatch
from avss_core.corpora.batches import Batch
from avss_core.corpora.windows import Window

PADDING = -1


@dataclass(frozen=True, eq=False)
class Layout:
    """For every place of a batch, on the batch's device and both (sequences, tokens) of int64:

    window  the index in `windows` of the window whose token it is, `PADDING` where it is none
    place   the token's place in that window, from 0; 0 at padding
    """

    windows: tuple[Window, ...]
    window: Tensor
    place: Tensor

    @property
    def is_token(self) -> Tensor:
        """(sequences, tokens) bool: False at padding."""
        return self.window != PADDING


def layout_of(batch: Batch) -> Layout:
    """Read it off the mask of a batch with one window a row (padding on either side), or off a packed batch."""
    if isinstance(batch, PackedBatch):
        return Layout(batch.windows, batch.window, batch.place)
    mask = batch.attention_mask
    rows = torch.arange(mask.shape[0], device=mask.device)[:, None]
    return Layout(
        windows=batch.windows,
        window=torch.where(mask == 0, PADDING, rows),
        place=(mask.cumsum(dim=1) - 1).clamp(min=0),
    )
