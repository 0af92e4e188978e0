"""What contrastive training is asked to do."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from avss_core.errors import SettingError
from avss_core.hallucination.mitigation.choice import CHOICES
from avss_core.pruning.healing.settings import TrainingSettings
from avss_core.seeds import require_seed


@dataclass(frozen=True)
class MitigationSettings:
    """LoRA adapters on `n_blocks` blocks, taught by an InfoNCE loss and a language-model loss.

    choice          which blocks: those of highest HCS, and for control those of lowest, or random ones
    blocks          the blocks themselves; then `choice` and `n_blocks` do not count
    steps, answers  so many updates, each on so many truthful and so many made-up answers
    contrast        weight of the InfoNCE loss on the blocks' states, mean over an answer's tokens, in nats
    temperature     τ of InfoNCE: cosines are divided by it
    language        weight of −ln p(next token) over question and answer of the truthful ones, in nats: keeps fluency

    Raises SettingError for what cannot be.
    """

    choice: str = "highest"
    n_blocks: int = 6
    blocks: tuple[int, ...] | None = None
    steps: int = 40
    answers: int = 6
    contrast: float = 1.0
    temperature: float = 0.1
    language: float = 1.0
    rank: int = 8
    learning_rate: float = 3e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.blocks is None and self.choice not in CHOICES:
            raise SettingError(f"Blocks are chosen by {', '.join(CHOICES)}, not by {self.choice!r}.")
        if self.blocks is not None and not self.blocks:
            raise SettingError("No block was named to train; name at least one, or choose them by HCS.")
        if self.n_blocks < 1:
            raise SettingError(f"At least 1 block must be trained, not {self.n_blocks}.")
        require_seed(self.seed)
        if self.answers < 2:
            raise SettingError(f"A step needs at least 2 truthful answers to bring together, not {self.answers}.")
        if not 0 < self.temperature < math.inf:
            raise SettingError(f"The temperature must be a positive number; {self.temperature:g} is not.")
        if not all(math.isfinite(weight) and weight >= 0 for weight in (self.contrast, self.language)):
            raise SettingError("The weights of the losses must be numbers from 0 up.")
        if self.contrast + self.language == 0:
            raise SettingError("Both weights of the losses are 0, so nothing would be learned; set at least one.")
        self.training.to_dict()  # checks the rest

    @property
    def training(self) -> TrainingSettings:
        """The same for what trains adapters; the whole model is not trained beside."""
        return TrainingSettings(
            steps=self.steps,
            sequences=2 * self.answers,
            rank=self.rank,
            alpha=2 * self.rank,
            learning_rate=self.learning_rate,
            control=False,
            seed=self.seed,
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return asdict(self) | {"blocks": None if self.blocks is None else list(self.blocks)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> MitigationSettings:
        """What `to_dict` gave."""
        blocks = fields.get("blocks")
        return cls(**{**fields, "blocks": None if blocks is None else tuple(blocks)})
