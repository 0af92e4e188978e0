"""Evaluate pruned variants on a task. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.hashing import content_hash
from avss_core.jobs.requests.base import ENGINE_VERSION, make_paths_absolute
from avss_core.models.spec import ModelSpec
from avss_core.tasks import task_named


@dataclass(frozen=True)
class EvaluateRequest:
    """Evaluate a task with each of these sets of blocks removed; the empty set is the unpruned model.

    healing: the id of a healing run, whose network is evaluated in place of the plain cut; the empty set stays the
    unpruned model, so what is retained of it can be asked as of any cut.
    Model and text are meant as their files are when the first key is asked for; a request made later looks again.
    """

    kind: ClassVar[str] = "evaluate"

    model: ModelSpec
    corpus: CorpusSpec
    task: str
    cuts: tuple[tuple[int, ...], ...]
    healing: str | None = None

    def __post_init__(self) -> None:
        """Check the task; SettingError for one that does not exist."""
        task_named(self.task)
        make_paths_absolute(self)

    def evaluation_key(self, removed: tuple[int, ...]) -> str:
        """Content hash of one evaluation, under which its result is kept."""
        asked = [self.task, task_named(self.task).version, sorted(removed)]
        if self.healing is not None and removed:
            asked.append(self.healing)
        return content_hash(self.kind, ENGINE_VERSION, *self._identities, *asked)

    @cached_property
    def _identities(self) -> tuple[str, str]:
        """Of model and text: looking at their files takes far longer than the hash of a cut."""
        return self.model.identity(), self.corpus.identity()

    def run_id(self) -> str:
        """Content hash of everything evaluated, in whatever order."""
        return content_hash(sorted(self.evaluation_key(removed) for removed in self.cuts))

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "task": self.task,
            "cuts": [list(removed) for removed in self.cuts],
            "healing": self.healing,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EvaluateRequest:
        """The inverse of `to_dict`."""
        model, corpus = ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"])
        cuts = tuple(tuple(removed) for removed in values["cuts"])
        return cls(model, corpus, values["task"], cuts, values.get("healing"))  # older runs do not speak of it
