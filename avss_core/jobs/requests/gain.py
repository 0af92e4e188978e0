"""Measure what a cut gains: speed, latency and memory beside the original. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.hashing import content_hash
from avss_core.jobs.requests.base import ENGINE_VERSION, make_paths_absolute
from avss_core.models.spec import ModelSpec
from avss_core.pruning.gain_table import GainSettings


@dataclass(frozen=True)
class GainRequest:
    """Measure the original and the model without the blocks `removed`, in turns, in one run.

    corpus: names the text in the history alone; what is timed are random tokens. healing: the id of a healing run,
    whose network is measured in place of the plain cut.
    """

    kind: ClassVar[str] = "gain"

    model: ModelSpec
    corpus: CorpusSpec
    removed: tuple[int, ...]
    settings: GainSettings = field(default_factory=GainSettings)
    healing: str | None = None

    def __post_init__(self) -> None:
        """Make the paths absolute and sort the blocks."""
        make_paths_absolute(self)
        object.__setattr__(self, "removed", tuple(sorted(self.removed)))

    def run_id(self) -> str:
        """Content hash of what is measured; on another device it is another measurement."""
        asked = [self.removed, self.settings.to_dict(), self.healing]
        return content_hash(self.kind, ENGINE_VERSION, self.model.identity(), self.model.device, *asked)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "removed": list(self.removed),
            "settings": self.settings.to_dict(),
            "healing": self.healing,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GainRequest:
        """The inverse of `to_dict`."""
        return cls(
            ModelSpec.from_dict(values["model"]),
            CorpusSpec.from_dict(values["corpus"]),
            tuple(values["removed"]),
            GainSettings.from_dict(values["settings"]),
            values["healing"],
        )
