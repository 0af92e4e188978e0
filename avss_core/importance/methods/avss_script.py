"""AVSS as the authors' public script computes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avss_core.importance.avss import derived_columns
from avss_core.importance.method import Array, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

VARIANCE = "script:variance"  # Σ over windows of the unbiased variance over features; weight: windows
SILENT = "script:silent"  # Σ over windows of features with |mean over tokens| < ε; weight: windows × features


def score(sums: Sums, reading: Reading) -> Array:
    """Mean over windows of the variance, over the mean over windows of the sparsity (floored at 1/N where it is 0)."""
    return _derived(sums)["avss"].astype(np.float64)


def details(sums: Sums, reading: Reading) -> Mapping[str, Any]:
    """`floored`: the blocks that are flagged, since their sparsity is floored at 1/N."""
    return {"floored": [int(block) for block in np.flatnonzero(_derived(sums)["floored"])]}


def _derived(sums: Sums) -> dict[str, NDArray[Any]]:
    return derived_columns(sums.mean(VARIANCE), sums.mean(SILENT), sums.weight(SILENT).astype(np.int64))


METHOD = Method(
    name="avss_script",
    pretty_name="AVSS (authors' script)",
    paper="AVSS (2024), beside which its authors published the script",
    url="https://arxiv.org/abs/2411.02117",
    needs=Needs.SEQUENCE_MEANS,
    cost=Cost.FORWARD,
    sees="How much a block's output, averaged over all tokens of a window, varies from feature to feature.",
    blind_to=(
        "Everything that differs between the tokens of a window. With its ε of 0.00001 hardly a feature is ever "
        "silent, so that it is a variance over a constant."
    ),
    score=score,
    details=details,
    our_reading="Where no feature is silent the script would divide by zero; the sparsity is floored at 1/N instead.",
)
