"""What can be asked of the workers. A request has a content hash, which is the id of its run. No torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

from avss_core.activations.site_names import check_sites
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import RunError
from avss_core.hashing import content_hash
from avss_core.models.spec import ModelSpec
from avss_core.tasks import task_named

# Changes when the same request would give other numbers, so that older results are not found again.
ENGINE_VERSION = 1


@dataclass(frozen=True)
class ProfileRequest:
    """Measure the moments of every block at `sites` over a corpus."""

    kind: ClassVar[str] = "profile"

    model: ModelSpec = field(default_factory=ModelSpec)
    corpus: CorpusSpec = field(default_factory=CorpusSpec)
    sites: tuple[str, ...] = ("residual", "update")

    def __post_init__(self) -> None:
        """Check the sites; SettingError for one that does not exist."""
        check_sites(self.sites)
        _make_paths_absolute(self)

    def run_id(self) -> str:
        """Content hash of what is measured."""
        return content_hash(
            self.kind, ENGINE_VERSION, self.model.identity(), self.corpus.identity(), sorted(self.sites)
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {"model": self.model.to_dict(), "corpus": self.corpus.to_dict(), "sites": list(self.sites)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ProfileRequest:
        """The inverse of `to_dict`."""
        model, corpus = ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"])
        return cls(model, corpus, tuple(values["sites"]))


@dataclass(frozen=True)
class EvaluateRequest:
    """Evaluate a task with each of these sets of blocks removed; the empty set is the unpruned model."""

    kind: ClassVar[str] = "evaluate"

    model: ModelSpec
    corpus: CorpusSpec
    task: str
    cuts: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        """Check the task; SettingError for one that does not exist."""
        task_named(self.task)
        _make_paths_absolute(self)

    def evaluation_key(self, removed: tuple[int, ...]) -> str:
        """Content hash of one evaluation, under which its result is kept."""
        asked = [self.task, task_named(self.task).version, sorted(removed)]
        return content_hash(self.kind, ENGINE_VERSION, self.model.identity(), self.corpus.identity(), *asked)

    def run_id(self) -> str:
        """Content hash of everything evaluated."""
        return content_hash([self.evaluation_key(removed) for removed in self.cuts])

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return asdict(self) | {"cuts": [list(removed) for removed in self.cuts]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EvaluateRequest:
        """The inverse of `to_dict`."""
        model, corpus = ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"])
        return cls(model, corpus, values["task"], tuple(tuple(removed) for removed in values["cuts"]))


def _make_paths_absolute(request: ProfileRequest | EvaluateRequest) -> None:
    """A worker may have another working directory than who asks."""
    model, corpus = request.model, request.corpus
    if model.kind in ("folder", "gguf"):
        object.__setattr__(request, "model", replace(model, source=str(model.path)))
    if corpus.kind in ("folder", "file"):
        object.__setattr__(request, "corpus", replace(corpus, source=str(corpus.path.absolute())))


Request = ProfileRequest | EvaluateRequest
REQUESTS: tuple[type[ProfileRequest] | type[EvaluateRequest], ...] = (ProfileRequest, EvaluateRequest)


def request_of(kind: str, spec: dict[str, Any]) -> Request:
    """The request that a run was made from; RunError for a kind that this version does not know."""
    for request in REQUESTS:
        if request.kind == kind:
            return request.from_dict(spec)
    raise RunError(f"Runs of kind {kind!r} are not known to this version of the program; update it.")
