"""Heal a cut, and say how near it comes to the unpruned model that was given the same. No torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import SettingError
from avss_core.hashing import content_hash
from avss_core.jobs.requests.base import ENGINE_VERSION, absolute_corpus, make_paths_absolute
from avss_core.models.spec import ModelSpec
from avss_core.pruning.healing.settings import LinearSettings, TrainingSettings

# A unit is as much training as others wait for, and what the loss curve grows by; more units cost more than they give.
_STEPS, _MOST_UNITS = 2, 100
_LEAST_READ, _CHOICE = 65_536, 8  # tokens; how many times what the maps are fitted on


def tokens_to_read(linear: LinearSettings | None, training: TrainingSettings | None, length: int) -> int | None:
    """How much calibration text is worth reading (None: all there is). length: of its windows, in tokens.

    So much that training meets none of it twice, and that the maps can choose windows from many documents; reading
    costs next to nothing beside either.
    """
    if linear is not None and linear.tokens is None:
        return None
    trained = 0 if training is None else training.steps * training.sequences * length
    return max(_LEAST_READ, trained, 0 if linear is None else _CHOICE * (linear.tokens or 0))


@dataclass(frozen=True)
class Part:
    """One unit: "maps" fits, "train" makes the steps first + 1 … last, "evaluate" reads the held-out text."""

    what: Literal["maps", "train", "evaluate"]
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class HealRequest:
    """Heal the cut `removed` by linear maps, by training, or by training that begins from the maps.

    corpus: the calibration text, which is fitted and trained on. evaluate: held-out text that all are judged on.
    """

    kind: ClassVar[str] = "heal"

    model: ModelSpec
    corpus: CorpusSpec
    evaluate: CorpusSpec
    removed: tuple[int, ...]
    linear: LinearSettings | None = field(default_factory=LinearSettings)
    training: TrainingSettings | None = None

    def __post_init__(self) -> None:
        """Sort the blocks and make paths absolute; SettingError when there is nothing to heal, or nothing to do."""
        if not self.removed:
            raise SettingError("The cut removes no block, so there is nothing to heal; remove at least one.")
        if self.linear is None and self.training is None:
            raise SettingError("Neither maps nor training are asked for, so nothing would be healed; choose one.")
        object.__setattr__(self, "removed", tuple(sorted(self.removed)))
        object.__setattr__(self, "evaluate", absolute_corpus(self.evaluate))
        make_paths_absolute(self)

    def parts(self) -> tuple[Part, ...]:
        """The units of the run, in their order."""
        steps = 0 if self.training is None else self.training.steps
        size = max(_STEPS, math.ceil(steps / _MOST_UNITS))
        chunks = [Part("train", first, min(first + size, steps)) for first in range(0, steps, size)]
        return (*([] if self.linear is None else [Part("maps")]), *chunks, Part("evaluate"))

    def run_id(self) -> str:
        """Content hash of what is asked."""
        asked = self.to_dict()
        texts = [self.corpus.identity(), self.evaluate.identity()]
        how = [asked[name] for name in ("removed", "linear", "training")]
        return content_hash(self.kind, ENGINE_VERSION, self.model.identity(), *texts, *how)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "evaluate": self.evaluate.to_dict(),
            "removed": list(self.removed),
            "linear": None if self.linear is None else self.linear.to_dict(),
            "training": None if self.training is None else self.training.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HealRequest:
        """The inverse of `to_dict`."""
        linear, training = values["linear"], values["training"]
        return cls(
            ModelSpec.from_dict(values["model"]),
            CorpusSpec.from_dict(values["corpus"]),
            CorpusSpec.from_dict(values["evaluate"]),
            tuple(values["removed"]),
            None if linear is None else LinearSettings.from_dict(linear),
            None if training is None else TrainingSettings.from_dict(training),
        )
