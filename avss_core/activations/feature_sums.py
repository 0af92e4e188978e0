"""Σa, Σ|a| and Σa² of every feature over the tokens of each group, with ordinary torch operations."""

from __future__ import annotations

import torch
from torch import Tensor

from avss_core.activations import float32_pairs
from avss_core.activations.float32_pairs import Pair


def feature_and_row_sums(values: Tensor, members: Tensor) -> tuple[Pair, Pair]:
    """The sums per feature, (G, 3, F), and Σa² of each token, (rows,); each a pair whose sum is the result.

    values: (rows, F) float32. members: (rows, G) of 0 and 1, in the type to add in: float64, or float32 where there is
    nothing better, and then with compensation.
    """
    if members.dtype == torch.float64:
        wide = values.double()
        square = wide.square()
        sums = torch.stack([members.T @ wide, members.T @ wide.abs(), members.T @ square], dim=1)
        of_rows = square.sum(dim=1)
        return (sums, torch.zeros_like(sums)), (of_rows, torch.zeros_like(of_rows))
    square, error = float32_pairs.two_square(values)
    nothing = torch.zeros_like(values)
    numbers = torch.stack([values, values.abs(), square], dim=1)
    errors = torch.stack([nothing, nothing, error], dim=1)
    masks = members.T[:, :, None, None]
    by_group = [float32_pairs.sum_rows((numbers * mask, errors * mask)) for mask in masks]
    high, low = zip(*by_group, strict=True)
    return (torch.stack(high), torch.stack(low)), float32_pairs.sum_rows((square.T, error.T))
