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

    Model and text are meant as their files are when the first key is asked for; a request made later looks again.
    """

    kind: ClassVar[str] = "evaluate"

    model: ModelSpec
    corpus: CorpusSpec
    task: str
    cuts: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        """Check the task; SettingError for one that does not exist."""
        task_named(self.task)
        make_paths_absolute(self)

    def evaluation_key(self, removed: tuple[int, ...]) -> str:
        """Content hash of one evaluation, under which its result is kept."""
        asked = [self.task, task_named(self.task).version, sorted(removed)]
        return content_hash(self.kind, ENGINE_VERSION, *self._identities, *asked)

    @cached_property
    def _identities(self) -> tuple[str, str]:
        """Of model and text: looking at their files takes far longer than the hash of a cut."""
        return self.model.identity(), self.corpus.identity()

    def run_id(self) -> str:
        """Content hash of everything evaluated."""
        return content_hash([self.evaluation_key(removed) for removed in self.cuts])

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "task": self.task,
            "cuts": [list(removed) for removed in self.cuts],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EvaluateRequest:
        """The inverse of `to_dict`."""
        model, corpus = ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"])
        return cls(model, corpus, values["task"], tuple(tuple(removed) for removed in values["cuts"]))
