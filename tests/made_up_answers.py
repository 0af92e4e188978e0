"""Answers frames in the layout of `answers_frame`, with states that know something about right and wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd


def made_up(
    n: int = 60, blocks: int = 3, hidden: int = 12, knows: int = 1, strength: float = 2.0, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series]:
    """Answers and labels; the state of block `knows` tells right from wrong, those of the others do not."""
    random = np.random.default_rng(seed)
    right = random.random(n) < 0.4
    states = random.normal(size=(n, blocks, hidden)).astype(np.float32)
    states[:, knows, 3] += np.where(right, strength, -strength)
    sure = np.clip(0.25 + 0.3 * right + 0.2 * random.random(n), 0, 1)
    frame = pd.DataFrame(
        {
            "example": [f"e{number}" for number in range(n)],
            "document": np.arange(n),
            "question": [f"Question {number}?" for number in range(n)],
            "references": [[f"answer {number}"] for number in range(n)],
            "answer": [f"Answer {number}" if one else "something else" for number, one in enumerate(right)],
            # Two tokens whose geometric mean is `sure`.
            "logprobs": [[np.log(value) - 0.2, np.log(value) + 0.2] for value in sure],
            "prompt_ids": [[5, 6, 7]] * n,
            "state_prompt": list(states),
            "kept": ",".join(map(str, range(blocks))),
        }
    )
    return frame, pd.Series(np.where(right, "truthful", "hallucinated"), index=frame.index)
