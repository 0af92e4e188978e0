"""The largest activations of each group of tokens, kept while measuring.

An activation's *key* is one int64 that sorts as activations are ranked: by the bits of |a| as a float32 (which keep the
order of values that are not negative), then by document, position and feature, the earlier first. Being unique in a
batch, keys make the choice the same however the work is divided. `EMPTY` is the key of no activation; zeros have none.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avss_core.activations.moments import LARGEST, N_LARGEST
from avss_core.activations.token_groups import DOCUMENT_SHIFT, TokenGroups

KEY_SHIFT = 32
LOW_BITS = (1 << KEY_SHIFT) - 1
EMPTY = LOW_BITS


def largest_keys(magnitude: Tensor, groups: TokenGroups, kept: Tensor) -> Tensor:
    """Keys of the N_LARGEST activations of each group, (G, N_LARGEST), descending, those in `kept` among them.

    magnitude: (rows, features) float32, |a|. The largest activations lie in the rows with the largest maxima, so only
    those rows are searched.
    """
    rows, width = magnitude.shape
    row_keys = (_bits(magnitude.amax(dim=1)) << KEY_SHIFT) + (LOW_BITS - groups.rank)
    row_keys = torch.where(groups.members.T > 0, row_keys, EMPTY)
    searched = row_keys.topk(min(N_LARGEST, rows)).indices  # (G, ≤ N_LARGEST)
    features = torch.arange(width, device=magnitude.device)
    keys = (_bits(magnitude[searched]) << KEY_SHIFT) + (LOW_BITS - groups.rank[searched][..., None] * width - features)
    is_member = groups.members.T.gather(1, searched) > 0
    keys = torch.where(is_member[..., None], keys, EMPTY).flatten(start_dim=1).clamp(min=EMPTY)
    return torch.cat([kept, keys], dim=1).topk(N_LARGEST).values


def entries_of_keys(keys: Tensor, groups: TokenGroups, width: int) -> Tensor:
    """Bits of |a|, origin (see `TokenGroups.origin`) and feature of each key, (3, …); all 0 where a key is `EMPTY`."""
    place = LOW_BITS - (keys & LOW_BITS)
    row = groups.row_of_rank[place // width]
    entries = torch.stack([keys >> KEY_SHIFT, groups.origin[row], place % width])
    return torch.where(keys == EMPTY, 0, entries)


def merge_entries(kept: Tensor, found: Tensor) -> Tensor:
    """The N_LARGEST of two lists of entries (3, lists, n), ranked as keys are."""
    both = torch.cat([kept, found], dim=-1)
    bits, origin, feature = both
    order = feature.argsort(dim=-1, stable=True)
    for key in (origin, -bits):
        order = order.gather(-1, key.gather(-1, order).argsort(dim=-1, stable=True))
    return both.gather(-1, order[None, :, :N_LARGEST].expand(3, -1, -1))


def largest_of_entries(entries: NDArray[np.int64]) -> NDArray[np.void]:
    """Entries (3, …) as records of magnitude, document, position and feature."""
    bits, origin, feature = entries
    found = np.zeros(bits.shape, dtype=LARGEST)
    found["magnitude"] = bits.astype(np.int32).view(np.float32)
    found["document"], found["position"] = origin >> DOCUMENT_SHIFT, origin & ((1 << DOCUMENT_SHIFT) - 1)
    found["feature"] = feature
    return found


def _bits(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.int32).long()
