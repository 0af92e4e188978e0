"""The threshold below which an activation counts as silent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avss_core.errors import SettingError

_SUFFIXES = ("sigma", "sd", "σ")


@dataclass(frozen=True)
class Epsilon:
    """ε of equation (4): an absolute value, or (`relative`) a multiple of the block's own σ."""

    value: float = 1e-2
    relative: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value > 0):
            raise SettingError(f"ε must be a positive number, and {self.value:g} is not; the default is 0.01.")

    @classmethod
    def parse(cls, text: str | float) -> Epsilon:
        """Read `0.01`, or `0.1sigma` (also `0.1σ`, `0.1sd`) for a multiple of σ."""
        plain = str(text).strip()
        suffix = next((s for s in _SUFFIXES if plain.endswith(s)), "")
        try:
            return cls(float(plain.removesuffix(suffix)), relative=bool(suffix))
        except ValueError:
            raise SettingError(
                f"ε must be a number such as 0.01, or a multiple of σ such as 0.1sigma, not {plain!r}."
            ) from None

    def absolute(self, std: NDArray[np.float64]) -> NDArray[np.float64]:
        """ε of each block, given each block's σ."""
        return self.value * std if self.relative else np.full_like(std, self.value)

    def __str__(self) -> str:
        return f"{self.value:g}{'σ' if self.relative else ''}"
