"""Score blocks by several methods. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.hashing import content_hash
from avss_core.importance.settings import RankSettings
from avss_core.jobs.requests.base import ENGINE_VERSION, make_paths_absolute
from avss_core.models.spec import ModelSpec


@dataclass(frozen=True)
class RankRequest:
    """Score every block by several methods on one text."""

    kind: ClassVar[str] = "rank"

    model: ModelSpec
    corpus: CorpusSpec
    settings: RankSettings

    def __post_init__(self) -> None:
        """Make the paths absolute; the settings have checked themselves."""
        make_paths_absolute(self)

    def parts(self) -> tuple[RankRequest, ...]:
        """One request for every pass that the methods need, so that what was measured for one question answers more."""
        return tuple(replace(self, settings=settings) for settings in self.settings.by_pass())

    def run_id(self) -> str:
        """Content hash of what is measured; seconds and memory say beside them which device they are of."""
        return content_hash(
            self.kind, ENGINE_VERSION, self.model.identity(), self.corpus.identity(), self.settings.to_dict()
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "settings": self.settings.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RankRequest:
        """The inverse of `to_dict`."""
        model, corpus = ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"])
        return cls(model, corpus, RankSettings.from_dict(values["settings"]))
