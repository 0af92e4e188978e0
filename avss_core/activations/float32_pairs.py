"""Sums as exact as in float64 on a device that has float32 only: a number is a pair, high + low.

`two_sum` and `two_square` give a result together with its rounding error (Knuth; Dekker and Veltkamp), so that what
one float32 cannot hold goes on in the second.
"""

from __future__ import annotations

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]

_SPLITTER = 2.0**12 + 1.0  # cuts float32's 24 bits into 12 and 12


def two_sum(a: Tensor, b: Tensor) -> Pair:
    """a + b and its rounding error."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def two_square(a: Tensor) -> Pair:
    """a² and its rounding error; |a| must be below 1e19, or the square is not finite."""
    scaled = a * _SPLITTER
    high = scaled - (scaled - a)
    low = a - high
    square = a * a
    return square, ((high * high - square) + 2.0 * high * low) + low * low


def add(a: Pair, b: Pair) -> Pair:
    """a + b."""
    high, error = two_sum(a[0], b[0])
    return high, error + a[1] + b[1]


def sqrt(a: Pair) -> Pair:
    """The square root of a pair that is not negative: that of its high part, and one step of Newton's."""
    root = torch.sqrt(a[0])
    square, error = two_square(root)
    rest = ((a[0] - square) - error) + a[1]
    return root, torch.where(root > 0, rest / (2.0 * root), 0.0)


def sum_rows(pair: Pair) -> Pair:
    """Sum over the first dimension, halving it again and again."""
    high, low = pair
    while high.shape[0] > 1:
        half = high.shape[0] // 2
        odd = (high[2 * half :], low[2 * half :])
        high, low = add((high[:half], low[:half]), (high[half : 2 * half], low[half : 2 * half]))
        high, low = torch.cat([high, odd[0]]), torch.cat([low, odd[1]])
    return high[0], low[0]
