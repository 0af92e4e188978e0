"""Let the original and the pruned model continue a prompt. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from avss_core.corpora.spec import CorpusSpec
from avss_core.hashing import content_hash
from avss_core.jobs.requests.base import ENGINE_VERSION, make_paths_absolute
from avss_core.models.spec import ModelSpec
from avss_core.pruning.generation import Sampling, require_prompt


@dataclass(frozen=True)
class GenerateRequest:
    """Continue `prompt` with the original and with the model without the blocks `removed`, by the same settings.

    corpus: names the text in the history alone. healing: the id of a healing run, whose network writes in place of the
    plain cut. Raises SettingError for an empty prompt.
    """

    kind: ClassVar[str] = "generate"

    model: ModelSpec
    corpus: CorpusSpec
    removed: tuple[int, ...]
    prompt: str
    sampling: Sampling = field(default_factory=Sampling)
    healing: str | None = None

    def __post_init__(self) -> None:
        """Check the prompt, make the paths absolute and sort the blocks."""
        require_prompt(self.prompt)
        make_paths_absolute(self)
        object.__setattr__(self, "removed", tuple(sorted(self.removed)))

    def run_id(self) -> str:
        """Content hash of what is asked; on another device its speed is another."""
        asked = [self.removed, self.prompt, self.sampling.to_dict(), self.healing]
        return content_hash(self.kind, ENGINE_VERSION, self.model.identity(), self.model.device, *asked)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "removed": list(self.removed),
            "prompt": self.prompt,
            "sampling": self.sampling.to_dict(),
            "healing": self.healing,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GenerateRequest:
        """The inverse of `to_dict`."""
        return cls(
            ModelSpec.from_dict(values["model"]),
            CorpusSpec.from_dict(values["corpus"]),
            tuple(values["removed"]),
            values["prompt"],
            Sampling.from_dict(values["sampling"]),
            values["healing"],
        )
