"""What was compared between a network and the folder that it was written into. No torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """What was compared: all tensors bit by bit, the logits at `tokens` positions, a greedy text (None: none).

    max_difference: the largest difference of two logits, 0 where they are equal to the last bit.
    """

    tensors: int
    tokens: int
    max_difference: float
    greedy: str | None

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """The outcome for people."""
        logits = "equal to the last bit" if self.max_difference == 0 else f"equal up to {self.max_difference:.2g}"
        greedy = "" if self.greedy is None else ", and so is the text that it writes greedily"
        return (
            f"The folder was loaded again with plain transformers: its {self.tensors} tensors are those in memory, its "
            f"logits on a fixed text of {self.tokens} tokens are {logits}{greedy}."
        )
