"""Write a pruned model as a folder that plain transformers loads. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.hashing import content_hash
from avss_core.jobs.requests.base import ENGINE_VERSION, make_paths_absolute
from avss_core.jobs.requests.evaluate import EvaluateRequest
from avss_core.jobs.requests.gain import GainRequest
from avss_core.models.spec import ModelSpec


@dataclass(frozen=True)
class ExportRequest:
    """Export the model without the blocks `removed`. `jobs.export_results.export_request` makes one from a store.

    corpus: names the text in the history alone. reason: how the blocks were chosen, for the model card; method: by
    which score, with its settings and the text it was measured on, "" where that is not known. folder: a path where
    the worker runs, new or empty; None keeps the model, and a zip of it, among the run's files in the store.
    evaluations, gain: what was measured of this cut before, for the card. healing: the id of a healing run, whose
    network is exported in place of the plain cut.
    """

    kind: ClassVar[str] = "export"

    model: ModelSpec
    corpus: CorpusSpec
    removed: tuple[int, ...]
    reason: str
    folder: str | None = None
    evaluations: tuple[EvaluateRequest, ...] = ()
    gain: GainRequest | None = None
    healing: str | None = None
    method: str = ""

    def __post_init__(self) -> None:
        """Make the paths absolute and sort the blocks."""
        make_paths_absolute(self)
        object.__setattr__(self, "removed", tuple(sorted(self.removed)))
        if self.folder is not None:
            object.__setattr__(self, "folder", str(Path(self.folder).expanduser().absolute()))

    def run_id(self) -> str:
        """Content hash of what is written, figures of the card included."""
        told = sorted(each.evaluation_key(self.removed) for each in self.evaluations)
        gained = None if self.gain is None else self.gain.run_id()
        asked = [self.removed, self.method, self.reason, self.folder, told, gained, self.healing]
        return content_hash(self.kind, ENGINE_VERSION, self.model.identity(), *asked)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "removed": list(self.removed),
            "reason": self.reason,
            "folder": self.folder,
            "evaluations": [each.to_dict() for each in self.evaluations],
            "gain": None if self.gain is None else self.gain.to_dict(),
            "healing": self.healing,
            "method": self.method,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ExportRequest:
        """The inverse of `to_dict`."""
        gain = values["gain"]
        return cls(
            ModelSpec.from_dict(values["model"]),
            CorpusSpec.from_dict(values["corpus"]),
            tuple(values["removed"]),
            values["reason"],
            values["folder"],
            tuple(EvaluateRequest.from_dict(each) for each in values["evaluations"]),
            None if gain is None else GainRequest.from_dict(gain),
            values["healing"],
            values.get("method", ""),  # older runs do not speak of it
        )
