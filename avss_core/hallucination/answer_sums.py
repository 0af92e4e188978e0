"""What is kept of the activations behind every answer: sums that add up, and hidden states. No torch.

Sums of a question add up with those of any other questions, so the moments of any group of answers, a bootstrap over
questions, and a new ε are had without running the model again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avss_core.errors import SettingError
from avss_core.hallucination.edges import EDGES

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

SITES = ("residual", "update")
_LARGEST_HALF = float(np.finfo(np.float16).max)


def check_site(site: str) -> str:
    """The site, if answers are measured there; SettingError for another."""
    if site not in SITES:
        raise SettingError(f"Answers are measured at site {' or '.join(SITES)}, not {site!r}.")
    return site


@dataclass(eq=False)
class AnswerSums:
    """Of Q questions and B blocks of width F. The answer's tokens count, and nothing else does.

    n: (Q,) N of each answer = tokens × features. sums, squares: by site, (Q, B) Σa and Σa² in float64. below: by site,
    (Q, B, E) how many |a| < edge for each of EDGES. state_prompt: (Q, B, F) float16, the blocks' outputs at the
    prompt's last token; state_answer: their mean over the answer's tokens, nan where an answer has none.
    """

    n: Counts
    sums: dict[str, Floats]
    squares: dict[str, Floats]
    below: dict[str, Counts]
    state_prompt: NDArray[np.float16]
    state_answer: NDArray[np.float16]

    @classmethod
    def nothing_yet(cls, questions: int, blocks: int, width: int, sites: Sequence[str]) -> AnswerSums:
        """Zeros, and nan for the answers' states."""
        shape = (questions, blocks)
        return cls(
            n=np.zeros(questions, dtype=np.int64),
            sums={site: np.zeros(shape) for site in sites},
            squares={site: np.zeros(shape) for site in sites},
            below={site: np.zeros((*shape, len(EDGES)), dtype=np.int64) for site in sites},
            state_prompt=np.zeros((*shape, width), dtype=np.float16),
            state_answer=np.full((*shape, width), np.nan, dtype=np.float16),
        )

    def take_prompts(self, questions: Counts, block: int, states: NDArray[np.floating]) -> None:
        """A block's outputs at the last tokens of these questions' prompts, (questions, F)."""
        self.state_prompt[questions, block] = _half(states)

    def take_answers(self, site: str, block: int, questions: Counts, tokens: Counts, values: Floats) -> None:
        """A block's activations at the answers of these questions, one answer after another.

        tokens: how many each answer has, none of them 0. values: (all these tokens, F).
        """
        starts, at = np.cumsum(tokens) - tokens, (questions, block)
        self.sums[site][at] = np.add.reduceat(values.sum(axis=1), starts)
        self.squares[site][at] = np.add.reduceat((values**2).sum(axis=1), starts)
        self.below[site][at] = _counts(values, tokens)
        if site == "residual":
            self.state_answer[at] = _half(np.add.reduceat(values, starts, axis=0) / tokens[:, None])

    def columns(self) -> dict[str, list[Any]]:
        """As columns of a table with one row a question: flat arrays, the states as float16 bytes."""
        n_blocks = self.state_prompt.shape[1]
        columns: dict[str, list[Any]] = {}
        for site in self.sums:
            columns[f"{site}_n"] = [np.full(n_blocks, count) for count in self.n]
            columns[f"{site}_sum"] = list(self.sums[site])
            columns[f"{site}_sum_squares"] = list(self.squares[site])
            columns[f"{site}_below"] = [counts.ravel() for counts in self.below[site]]
        columns["state_prompt"] = [states.tobytes() for states in self.state_prompt]
        columns["state_answer"] = [states.tobytes() for states in self.state_answer]
        return columns


def _counts(values: Floats, tokens: Counts) -> Counts:
    """(questions, EDGES) how many |a| lie below each edge."""
    places = len(EDGES) + 1
    first_above = np.searchsorted(EDGES, np.abs(values), side="right")  # of the edges, the first that is above |a|
    first_above += (np.repeat(np.arange(len(tokens)), tokens) * places)[:, None]
    counts = np.bincount(first_above.ravel(), minlength=len(tokens) * places)
    return np.asarray(np.cumsum(counts.reshape(-1, places), axis=1)[:, :-1])


def _half(states: NDArray[np.floating]) -> NDArray[np.float16]:
    """As float16; what is larger than it can hold is cut off at its largest number."""
    return np.clip(states, -_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)
