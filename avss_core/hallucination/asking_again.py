"""How a model is asked a second time. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avss_core.errors import SettingError
from avss_core.hashing import content_hash
from avss_core.seeds import require_seed

VERSION = 1  # changes with the wording of the prompts


@dataclass(frozen=True)
class AskingAgain:
    """samples: answers drawn for each question; temperature: of the drawing; seed: which draws.

    Raises SettingError for no sample, a temperature that is not above 0, a seed below 0.
    """

    samples: int = 8
    temperature: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise SettingError(f"Self-consistency needs at least 1 sample a question, not {self.samples}.")
        if not 0 < self.temperature < float("inf"):
            raise SettingError(f"The temperature must be above 0, not {self.temperature:g}; 0.7 is usual.")
        require_seed(self.seed)

    def dice(self, example: str, steps: int) -> NDArray[np.float64]:
        """Numbers in [0, 1) that decide the draws of one question, (samples, steps): its own, whatever it is beside.

        More samples or steps leave those that were there as they were.
        """
        seeds = [[self.seed, sample, int(content_hash(example)[:15], 16)] for sample in range(self.samples)]
        return np.stack([np.random.default_rng(seed).random(steps) for seed in seeds])

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return asdict(self)
