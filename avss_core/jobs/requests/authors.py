"""Measure as the authors' script does. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.hashing import content_hash
from avss_core.jobs.requests.base import ENGINE_VERSION, make_paths_absolute
from avss_core.models.spec import ModelSpec


@dataclass(frozen=True)
class AuthorsRequest:
    """Measure what the AVSS authors' public script measures, over a corpus."""

    kind: ClassVar[str] = "authors"

    model: ModelSpec
    corpus: CorpusSpec

    def __post_init__(self) -> None:
        """Make the paths absolute."""
        make_paths_absolute(self)

    def run_id(self) -> str:
        """Content hash of what is measured."""
        return content_hash(self.kind, ENGINE_VERSION, self.model.identity(), self.corpus.identity())

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {"model": self.model.to_dict(), "corpus": self.corpus.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AuthorsRequest:
        """The inverse of `to_dict`."""
        return cls(ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"]))
