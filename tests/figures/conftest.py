"""A real score table: statistics of random activations, computed here with NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

Scores = Callable[..., pd.DataFrame]


def _scores(n_blocks: int, growth: float = 1.5, dense: tuple[int, ...] = (), seed: int = 0) -> pd.DataFrame:
    """Blocks whose activations grow by `growth` from one to the next; those in `dense` have no |a| < ε."""
    random = np.random.default_rng(seed)
    rows = []
    for block in range(n_blocks):
        a = random.normal(size=(40, 16)) * 0.1 * growth**block
        if block in dense:
            a = np.where(np.abs(a) < 0.01, 0.02, a)
        sparsity = float((np.abs(a) < 0.01).mean())
        floored = max(sparsity, 1 / a.size)
        rows.append(
            {
                "block": block, "site": "residual", "n": a.size, "mean": a.mean(), "variance": a.var(), "std": a.std(),
                "sparsity": sparsity, "avss": a.var() / floored, "l1": np.abs(a).sum(1).mean(),
                "l2": np.linalg.norm(a, axis=1).mean(), "frobenius": np.linalg.norm(a), "floored": sparsity == 0,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    for column, share in (("variance", "variance_share"), ("sparsity", "sparsity_share"), ("avss", "avss_share")):
        table[share] = table[column] / table[column].sum()
    table["sparsity_deviation"] = (table["sparsity"] - table["sparsity_share"]).abs()
    table["avss_cumulative"] = table["avss_share"].cumsum()
    return table


@pytest.fixture
def scores() -> Scores:
    return _scores
