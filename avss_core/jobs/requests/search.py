"""Look for the blocks to remove by measuring. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.hashing import content_hash
from avss_core.jobs.requests.base import ENGINE_VERSION, absolute_corpus, make_paths_absolute
from avss_core.jobs.requests.evaluate import EvaluateRequest
from avss_core.models.spec import ModelSpec
from avss_core.pruning.search.settings import Search, SearchSettings
from avss_core.tasks import PERPLEXITY, task_named


@dataclass(frozen=True)
class SearchRequest:
    """Search for the blocks that a task can do without, step by step.

    corpus: what the search measures the task on. What it finds is the best of many on this text, so it is judged on
    other text: search on the part to profile, judge on the part held out. importance: the text that iterative pruning
    scores blocks on (None: `corpus`, read as text); other searches score none. Raises SettingError for a task that
    does not exist.
    """

    kind: ClassVar[str] = "search"

    model: ModelSpec
    corpus: CorpusSpec
    task: str = PERPLEXITY
    settings: SearchSettings = field(default_factory=SearchSettings)
    importance: CorpusSpec | None = None

    def __post_init__(self) -> None:
        """Check the task, make the paths absolute, say which text importance is scored on."""
        task_named(self.task)
        make_paths_absolute(self)
        scored_on = None
        if self.settings.search is Search.ITERATIVE:
            scored_on = self.corpus if self.importance is None else absolute_corpus(self.importance)
        object.__setattr__(self, "importance", scored_on)

    def evaluation(self, *cuts: tuple[int, ...]) -> EvaluateRequest:
        """The evaluation of cuts on the text of the search, under whose keys it keeps what it measures."""
        return EvaluateRequest(self.model, self.corpus, self.task, cuts)

    def run_id(self) -> str:
        """Content hash of what is searched."""
        return content_hash(
            self.kind,
            ENGINE_VERSION,
            self.model.identity(),
            self.corpus.identity(),
            None if self.importance is None else self.importance.identity(),
            self.task,
            task_named(self.task).version,
            self.settings.to_dict(),
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "task": self.task,
            "settings": self.settings.to_dict(),
            "importance": None if self.importance is None else self.importance.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SearchRequest:
        """The inverse of `to_dict`."""
        importance = values["importance"]
        return cls(
            ModelSpec.from_dict(values["model"]),
            CorpusSpec.from_dict(values["corpus"]),
            values["task"],
            SearchSettings.from_dict(values["settings"]),
            None if importance is None else CorpusSpec.from_dict(importance),
        )
