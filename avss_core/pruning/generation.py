"""What is asked of a model that writes, and what it wrote. No torch here: pages and shell ask and read the same way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from avss_core.errors import SettingError
from avss_core.seeds import require_seed

ORIGINAL, PRUNED = "original", "pruned"


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen, and when to stop.

    max_new_tokens: at most so many, fewer when the model ends the text itself.
    temperature: 0 takes the likeliest token every time (greedy); above, logits are divided by it and a token is drawn.
    top_p: drawn from the likeliest tokens that hold this share of the probability. seed: of the draws.
    chat: put the prompt into the tokenizer's chat template, as a user's message.

    What greedy choice does not use (top_p, seed) is put to its default, so that the same question has the same
    settings. Raises SettingError for a value out of its range.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    chat: bool = False

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise SettingError(f"At least 1 new token must be asked for, not {self.max_new_tokens}.")
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise SettingError(f"The temperature must be 0 (greedy) or above, not {self.temperature}.")
        if not 0 < self.top_p <= 1:
            raise SettingError(f"top_p must lie above 0 and at most at 1, which {self.top_p} does not.")
        require_seed(self.seed)
        if self.greedy:
            object.__setattr__(self, "top_p", type(self).top_p)
            object.__setattr__(self, "seed", type(self).seed)

    @property
    def greedy(self) -> bool:
        """Whether nothing is drawn at random."""
        return self.temperature == 0

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Sampling:
        """The inverse of `to_dict`."""
        return cls(**values)


def require_prompt(prompt: str) -> None:
    """Raise SettingError when there is nothing to continue."""
    if not prompt.strip():
        raise SettingError("The prompt is empty; type a few words for the models to continue.")


@dataclass(frozen=True)
class Piece:
    """What one of the two models has written so far, told after every token; the last piece holds the whole text."""

    which: str
    tokens: int
    text: str


Told = Callable[[Piece], None]


@dataclass(frozen=True)
class Generated:
    """A text that a model wrote. prompt: the tokens it was given, template included; seconds: from call to last token.

    ended: whether the model ended the text itself, by a token that says so (the last of `tokens`, not in `text`).
    """

    which: str
    text: str
    tokens: tuple[int, ...]
    prompt: tuple[int, ...]
    ended: bool
    first_token_seconds: float
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Tokens after the first, by the time they took; nan for a single token."""
        later = len(self.tokens) - 1
        return later / (self.seconds - self.first_token_seconds) if later else math.nan

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON types, with `tokens_per_second` (None stands for nan)."""
        speed = self.tokens_per_second
        return asdict(self) | {
            "tokens": list(self.tokens),
            "prompt": list(self.prompt),
            "tokens_per_second": None if math.isnan(speed) else speed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Generated:
        """The inverse of `to_dict`."""
        fields = {name: value for name, value in values.items() if name != "tokens_per_second"}
        return cls(**fields | {"tokens": tuple(values["tokens"]), "prompt": tuple(values["prompt"])})


@dataclass(frozen=True)
class SideBySide:
    """The same prompt continued by the original and by the pruned model, with the same settings and seed."""

    original: Generated
    pruned: Generated

    @property
    def same_tokens(self) -> int:
        """With how many equal tokens the two texts begin."""
        pairs = zip(self.original.tokens, self.pruned.tokens, strict=False)
        return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))

    def to_dict(self) -> dict[str, Any]:
        """Both texts and `same_tokens`, as JSON types."""
        return {
            ORIGINAL: self.original.to_dict(),
            PRUNED: self.pruned.to_dict(),
            "same_tokens": self.same_tokens,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SideBySide:
        """The inverse of `to_dict`."""
        return cls(Generated.from_dict(values[ORIGINAL]), Generated.from_dict(values[PRUNED]))
