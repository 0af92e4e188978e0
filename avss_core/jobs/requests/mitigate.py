"""Train chosen blocks against hallucination, and ask the trained model again. No torch here."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import SettingError
from avss_core.hallucination.answer_sums import check_site
from avss_core.hallucination.judge import DEFAULT_JUDGE, LABELS, judge_named
from avss_core.hallucination.mitigation import MitigationSettings
from avss_core.hallucination.scores import check_reading
from avss_core.hashing import content_hash
from avss_core.importance.epsilon import Epsilon
from avss_core.jobs.requests.answers import AnswersRequest
from avss_core.jobs.requests.base import ENGINE_VERSION, absolute_corpus
from avss_core.models.spec import ModelSpec

STEPS_PER_UNIT = 2


@dataclass(frozen=True)
class MitigateRequest:
    """Contrastive training on one half of the questions, judged on the other.

    answers: the questions, and how they are asked of the unpruned model; its corpus is split by document: the model
    learns from its own answers to the part "profile" (which must be answered first, `taught`), and is asked the part
    "evaluate" (`held_out`) after the training. judge, by_hand: what tells right from made up in what it learns from
    (by_hand: example and label). site, epsilon, reading: of the HCS that chooses the blocks. fluency: text on which
    perplexity is measured before and after.
    """

    kind: ClassVar[str] = "mitigate"

    answers: AnswersRequest
    settings: MitigationSettings = field(default_factory=MitigationSettings)
    judge: str = DEFAULT_JUDGE
    by_hand: tuple[tuple[str, str], ...] = ()
    site: str = "residual"
    epsilon: Epsilon = field(default_factory=Epsilon)
    reading: str = "product"
    fluency: CorpusSpec = field(default_factory=lambda: CorpusSpec(part="evaluate", max_tokens=4000))

    def __post_init__(self) -> None:
        """Check the names; SettingError for what cannot be."""
        judge_named(self.judge)
        check_reading(self.reading)
        check_site(self.site)
        if self.answers.removed:
            raise SettingError("Contrastive training begins from the unpruned model; give no removed blocks.")
        strange = [label for _, label in self.by_hand if label not in LABELS]
        if strange:
            raise SettingError(f"An answer is {' or '.join(LABELS)}, not {strange[0]!r}.")
        object.__setattr__(self, "by_hand", tuple(sorted(self.by_hand)))
        object.__setattr__(self, "fluency", absolute_corpus(self.fluency))

    @property
    def model(self) -> ModelSpec:
        """The model that is trained."""
        return self.answers.model

    @property
    def corpus(self) -> CorpusSpec:
        """The questions."""
        return self.answers.corpus

    @property
    def taught(self) -> AnswersRequest:
        """The answers that the model learns from."""
        return replace(self.answers, corpus=self.answers.corpus.of_part("profile"))

    @property
    def held_out(self) -> AnswersRequest:
        """The answers before the training to the questions that it is judged on."""
        return replace(self.answers, corpus=self.answers.corpus.of_part("evaluate"))

    @property
    def loss_units(self) -> int:
        """How many units hold the loss curve: those from number 1 on."""
        return math.ceil(self.settings.steps / STEPS_PER_UNIT)

    def run_id(self) -> str:
        """Content hash of what is asked."""
        how = [self.settings.to_dict(), self.judge, [list(pair) for pair in self.by_hand], self.site, self.reading]
        texts = [self.taught.run_id(), self.held_out.run_id(), self.fluency.identity()]
        return content_hash(self.kind, ENGINE_VERSION, *texts, *how, asdict(self.epsilon))

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON types, and model and corpus for the history."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "answers": self.answers.to_dict(),
            "settings": self.settings.to_dict(),
            "judge": self.judge,
            "by_hand": [list(pair) for pair in self.by_hand],
            "site": self.site,
            "epsilon": asdict(self.epsilon),
            "reading": self.reading,
            "fluency": self.fluency.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MitigateRequest:
        """The inverse of `to_dict`."""
        return cls(
            AnswersRequest.from_dict(values["answers"]),
            MitigationSettings.from_dict(values["settings"]),
            values["judge"],
            tuple((example, label) for example, label in values["by_hand"]),
            values["site"],
            Epsilon(**values["epsilon"]),
            values["reading"],
            CorpusSpec.from_dict(values["fluency"]),
        )
