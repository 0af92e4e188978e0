"""What a smaller model gains, as a table: quantities of both models with the spread of the rounds. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from avss_core.errors import SettingError
from avss_core.pruning.generation import ORIGINAL, PRUNED


@dataclass(frozen=True)
class GainSettings:
    """How much both models do in a round: a pass over `tokens`, `new_tokens` written after `prompt_tokens`.

    Raises SettingError for less than one round or token, and for a single new token, which has no time per token.
    """

    tokens: int = 512
    prompt_tokens: int = 128
    new_tokens: int = 32
    rounds: int = 5

    def __post_init__(self) -> None:
        if min(self.tokens, self.prompt_tokens, self.rounds) < 1 or self.new_tokens < 2:
            raise SettingError("A measurement needs at least 1 round, 1 token, 1 token of prompt and 2 new tokens.")

    def to_dict(self) -> dict[str, int]:
        """All fields, as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GainSettings:
        """The inverse of `to_dict`."""
        return cls(**values)


@dataclass(frozen=True)
class Quantity:
    """Something measured of both models: its column name, what people call it, its unit, its direction."""

    name: str
    label: str
    unit: str
    higher_is_better: bool = False


PARAMETERS = Quantity("parameters", "parameters", "")
WEIGHT_BYTES = Quantity("weight_bytes", "memory of the weights", "bytes")
PEAK_BYTES = Quantity("peak_bytes", "peak extra memory of a forward pass", "bytes")
CACHE_BYTES = Quantity("cache_bytes", "key-value cache after generation", "bytes")
FORWARD = Quantity("forward_tokens_per_second", "forward pass", "tokens/s", higher_is_better=True)
FORWARD_BASE = Quantity("base_tokens_per_second", "forward pass without the head", "tokens/s", higher_is_better=True)
FIRST_TOKEN = Quantity("seconds_to_first_token", "time to the first new token", "s")
NEXT_TOKEN = Quantity("seconds_per_token", "time per further token", "s")

QUANTITIES = (
    PARAMETERS,
    WEIGHT_BYTES,
    PEAK_BYTES,
    CACHE_BYTES,
    FORWARD,
    FORWARD_BASE,
    FIRST_TOKEN,
    NEXT_TOKEN,
)

Readings = Mapping[str, Sequence[float]]  # quantity name -> one value a round; a single value where it cannot vary


def gain_table(original: Readings, pruned: Readings) -> pd.DataFrame:
    """One row a quantity that both have, in the order of QUANTITIES.

    Columns: quantity, label, unit, higher_is_better; original and pruned (median of the rounds), each with _low and
    _high (least and greatest of the rounds); ratio (pruned / original, median over rounds of what was measured in the
    same round), ratio_low, ratio_high; rounds. A ratio above 1 is a gain exactly where higher is better.
    """
    rows = []
    for quantity in QUANTITIES:
        if quantity.name not in original or quantity.name not in pruned:
            continue
        before = np.asarray(original[quantity.name], dtype=np.float64)
        after = np.asarray(pruned[quantity.name], dtype=np.float64)
        rows.append(
            {
                "quantity": quantity.name,
                "label": quantity.label,
                "unit": quantity.unit,
                "higher_is_better": quantity.higher_is_better,
                **_spread(ORIGINAL, before),
                **_spread(PRUNED, after),
                **_spread("ratio", after / before),
                "rounds": len(before),
            }
        )
    return pd.DataFrame(rows)


def _spread(name: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    return {
        name: float(np.median(values)),
        f"{name}_low": float(values.min()),
        f"{name}_high": float(values.max()),
    }
