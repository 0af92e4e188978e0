"""Ask a model how sure it is of answers that it gave. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import SettingError
from avss_core.hallucination.asking_again import VERSION, AskingAgain
from avss_core.hashing import content_hash
from avss_core.jobs.requests.answers import AnswersRequest
from avss_core.jobs.requests.base import ENGINE_VERSION, make_paths_absolute
from avss_core.models.spec import ModelSpec


@dataclass(frozen=True)
class ConfidenceRequest:
    """Verbalised confidence, sampled answers and P(True) for the questions and answers of `answers`.

    The answers must have been written (its run is done) when this one starts. model, corpus: those of `answers`, which
    `of` takes from there; SettingError for others.
    """

    kind: ClassVar[str] = "confidence"

    model: ModelSpec
    corpus: CorpusSpec
    answers: AnswersRequest
    settings: AskingAgain = field(default_factory=AskingAgain)

    def __post_init__(self) -> None:
        """Make the paths absolute; SettingError when model or corpus are not those of the answers."""
        make_paths_absolute(self)
        if (self.model, self.corpus) != (self.answers.model, self.answers.corpus):
            raise SettingError(
                "Confidence is asked of the model that gave the answers, on the questions that they answer; give the "
                "same model and text as for the answers."
            )

    @classmethod
    def of(cls, answers: AnswersRequest, settings: AskingAgain | None = None) -> ConfidenceRequest:
        """Of these answers, by the model that gave them."""
        return cls(answers.model, answers.corpus, answers, settings or AskingAgain())

    def run_id(self) -> str:
        """Content hash of what is asked."""
        return content_hash(self.kind, ENGINE_VERSION, VERSION, self.answers.run_id(), self.settings.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "answers": self.answers.to_dict(),
            "settings": self.settings.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ConfidenceRequest:
        """The inverse of `to_dict`."""
        return cls.of(AnswersRequest.from_dict(values["answers"]), AskingAgain(**values["settings"]))
