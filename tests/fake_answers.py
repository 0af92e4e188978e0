"""Frames of made-up answers with known activations, in the columns of `answers_frame`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from avss_core.hallucination.edges import EDGES

WIDTH = 8


def fake_frame(
    activations: list[np.ndarray], site: str = "residual", kept: str | None = None, first: int = 0
) -> pd.DataFrame:
    """activations: of each question (blocks, tokens, WIDTH); no token at all is an empty answer."""
    n_blocks = activations[0].shape[0]
    rows = []
    for number, a in enumerate(activations):
        rows.append(
            {
                "example": f"e{number + first}",
                "answer": "an answer" if a.shape[1] else "",
                "references": ["nothing of the kind"],
                f"{site}_n": np.full(n_blocks, a[0].size),
                f"{site}_sum": a.sum(axis=(1, 2)),
                f"{site}_sum_squares": (a**2).sum(axis=(1, 2)),
                f"{site}_below": (np.abs(a)[..., None] < EDGES).sum(axis=(1, 2)),
                "kept": kept or ",".join(map(str, range(n_blocks))),
            }
        )
    return pd.DataFrame(rows)


def random_activations(
    questions: int, blocks: int, seed: int = 0, scales: np.ndarray | None = None, tokens: int | None = None
) -> list[np.ndarray]:
    """Normal activations; `scales` (questions, blocks) multiplies them."""
    generator = np.random.default_rng(seed)
    found = []
    for question in range(questions):
        length = int(generator.integers(1, 6)) if tokens is None else tokens
        values = generator.normal(0.02, 0.1, (blocks, length, WIDTH))
        found.append(values if scales is None else values * scales[question][:, None, None])
    return found
