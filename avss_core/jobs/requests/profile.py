"""Measure the activations of every block. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from avss_core.activations.site_names import check_sites
from avss_core.corpora.spec import CorpusSpec
from avss_core.hashing import content_hash
from avss_core.importance.stability import check_share
from avss_core.jobs.requests.base import ENGINE_VERSION, make_paths_absolute
from avss_core.models.spec import ModelSpec


@dataclass(frozen=True)
class ProfileRequest:
    """Measure the moments of every block at `sites` over a corpus.

    stop_when_stable: a share of blocks; the run ends as soon as the set of so many lowest blocks by AVSS (first site,
    ε = 0.01) is settled (`importance/stability.py`). None reads the whole text.
    """

    kind: ClassVar[str] = "profile"

    model: ModelSpec = field(default_factory=ModelSpec)
    corpus: CorpusSpec = field(default_factory=CorpusSpec)
    sites: tuple[str, ...] = ("residual", "update")
    stop_when_stable: float | None = None

    def __post_init__(self) -> None:
        """Check the sites and the share; SettingError for a site that does not exist, a share not between 0 and 1."""
        check_sites(self.sites)
        if self.stop_when_stable is not None:
            check_share(self.stop_when_stable)
        make_paths_absolute(self)

    def run_id(self) -> str:
        """Content hash of what is measured."""
        measured = [self.kind, ENGINE_VERSION, self.model.identity(), self.corpus.identity(), sorted(self.sites)]
        if self.stop_when_stable is None:
            return content_hash(*measured)
        return content_hash(*measured, self.sites[0], self.stop_when_stable)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "sites": list(self.sites),
            "stop_when_stable": self.stop_when_stable,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ProfileRequest:
        """The inverse of `to_dict`."""
        model, corpus = ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"])
        return cls(model, corpus, tuple(values["sites"]), values.get("stop_when_stable"))
