"""What every request has, and what its run is known by. No torch here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Protocol, Self

from avss_core.corpora.spec import CorpusSpec
from avss_core.models.spec import ModelSpec

# Changes when the same request would give other numbers, so that older results are not found again.
ENGINE_VERSION = 1


class Request(Protocol):
    """A frozen dataclass that says what is asked: of which model, on which text.

    To add a kind: a file here and its line in `REQUESTS`, a file in `jobs/works` and its line in `WORKS`.
    """

    kind: ClassVar[str]

    @property
    def model(self) -> ModelSpec:
        """Which network."""
        ...

    @property
    def corpus(self) -> CorpusSpec:
        """Which text; for a request that reads several, the one that names it in the history."""
        ...

    def run_id(self) -> str:
        """Content hash of what is asked, which is the id of its run."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        ...

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        ...


def absolute_model(model: ModelSpec) -> ModelSpec:
    """The same model by a path that holds in any working directory: a worker may have another than who asks."""
    return replace(model, source=str(model.path)) if model.kind in ("folder", "gguf") else model


def absolute_corpus(corpus: CorpusSpec) -> CorpusSpec:
    """The same text by a path that holds in any working directory."""
    return replace(corpus, source=str(corpus.path.absolute())) if corpus.kind in ("folder", "file") else corpus


def make_paths_absolute(request: Request) -> None:
    """For `__post_init__` of a frozen request with fields `model` and `corpus`."""
    object.__setattr__(request, "model", absolute_model(request.model))
    object.__setattr__(request, "corpus", absolute_corpus(request.corpus))
