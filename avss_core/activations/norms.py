"""Per-token and per-sequence norms of many blocks at once, at the end of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from avss_core.activations import float32_pairs
from avss_core.activations.float32_pairs import Pair
from avss_core.activations.token_groups import TokenGroups


def norm_sums(row_square: Tensor, groups: TokenGroups) -> Tensor:
    """Sums over a batch of ‖a_t‖₂ by group and of ‖A‖_F by group and of all groups together, (blocks, 2 G + 1).

    row_square: (blocks, rows) Σa² of each token in float64, 0 at padding. A is a window's tokens × features.
    """
    n_blocks, n_groups = len(row_square), groups.members.shape[1]
    l2 = row_square.sqrt() @ groups.members
    by_row = _by_group(row_square, groups).flatten(start_dim=1)
    by_window = torch.zeros((groups.n_windows + 1, by_row.shape[1]), dtype=by_row.dtype, device=by_row.device)
    by_window.scatter_add_(0, groups.window[:, None].expand_as(by_row), by_row)
    by_window = by_window.view(-1, n_blocks, n_groups)
    together = by_window.sum(dim=2).sqrt().sum(dim=0)
    return torch.cat([l2, by_window.sqrt().sum(dim=0), together[:, None]], dim=1)


def norm_sums_in_pairs(row_square: Pair, groups: TokenGroups) -> Pair:
    """The same from pairs of float32."""
    norms = float32_pairs.sqrt(row_square)
    l2 = float32_pairs.sum_rows((_by_group(norms[0], groups), _by_group(norms[1], groups)))
    table = (_by_window(_by_group(row_square[0], groups), groups), _by_window(_by_group(row_square[1], groups), groups))
    by_window = float32_pairs.sum_rows(table)  # (windows, blocks, G)
    together = float32_pairs.sum_rows((by_window[0].movedim(2, 0), by_window[1].movedim(2, 0)))
    of_groups = float32_pairs.sum_rows(float32_pairs.sqrt(by_window))
    of_all = float32_pairs.sum_rows(float32_pairs.sqrt(together))
    high, low = (torch.cat([l2[k], of_groups[k], of_all[k][:, None]], dim=1) for k in (0, 1))
    return high, low


def _by_group(of_rows: Tensor, groups: TokenGroups) -> Tensor:
    """(blocks, rows) to (rows, blocks, G), 0 where a row is not of the group."""
    return of_rows.T[:, :, None] * groups.members[:, None, :]


def _by_window(of_rows: Tensor, groups: TokenGroups) -> Tensor:
    """(rows, …) to (longest window, windows, …), 0 where a window is shorter."""
    shape = (groups.longest_window, groups.n_windows + 1, *of_rows.shape[1:])
    table = torch.zeros(shape, dtype=of_rows.dtype, device=of_rows.device)
    return table.index_put_((groups.place, groups.window), of_rows)[:, :-1]
