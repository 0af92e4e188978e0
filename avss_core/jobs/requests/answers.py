"""Write answers to questions and measure the blocks on the way. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import SettingError
from avss_core.hallucination.asking import answer_task, question_prompt
from avss_core.hashing import content_hash
from avss_core.jobs.requests.base import ENGINE_VERSION, make_paths_absolute
from avss_core.models.spec import ModelSpec


@dataclass(frozen=True)
class AnswersRequest:
    """Greedy answers of a model, with these blocks removed, to the questions of a corpus.

    most_tokens: an answer is cut there. shots: solved examples before each question. Judging is not asked for here:
    it is done on what is kept, as often as one likes.
    """

    kind: ClassVar[str] = "answers"

    model: ModelSpec
    corpus: CorpusSpec
    removed: tuple[int, ...] = ()
    most_tokens: int = 24
    shots: int = 3

    def __post_init__(self) -> None:
        """Sort the blocks; SettingError for what cannot be."""
        object.__setattr__(self, "removed", tuple(sorted(set(self.removed))))
        if self.most_tokens < 1:
            raise SettingError(f"An answer must be allowed at least 1 token, not {self.most_tokens}.")
        question_prompt("", self.shots)
        make_paths_absolute(self)

    def run_id(self) -> str:
        """Content hash of what is asked."""
        how = [list(self.removed), self.most_tokens, self.shots, answer_task().version]
        return content_hash(self.kind, ENGINE_VERSION, self.model.identity(), self.corpus.identity(), *how)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "removed": list(self.removed),
            "most_tokens": self.most_tokens,
            "shots": self.shots,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AnswersRequest:
        """The inverse of `to_dict`."""
        return cls(
            ModelSpec.from_dict(values["model"]),
            CorpusSpec.from_dict(values["corpus"]),
            tuple(values["removed"]),
            values["most_tokens"],
            values["shots"],
        )
