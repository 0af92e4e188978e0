"""What can be asked of the workers. A request has a content hash, which is the id of its run. No torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

from avss_core.activations.site_names import check_sites
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import RunError
from avss_core.hashing import content_hash
from avss_core.importance.settings import RankSettings
from avss_core.importance.stability import check_share
from avss_core.models.spec import ModelSpec
from avss_core.tasks import task_named

# Changes when the same request would give other numbers, so that older results are not found again.
ENGINE_VERSION = 1


@dataclass(frozen=True)
class ProfileRequest:
    """Measure the moments of every block at `sites` over a corpus.

    stop_when_stable: a share of blocks; the run ends as soon as the set of so many lowest blocks by AVSS (first site,
    ε = 0.01) is settled (`importance/stability.py`). None reads the whole text.
    """

    kind: ClassVar[str] = "profile"

    model: ModelSpec = field(default_factory=ModelSpec)
    corpus: CorpusSpec = field(default_factory=CorpusSpec)
    sites: tuple[str, ...] = ("residual", "update")
    stop_when_stable: float | None = None

    def __post_init__(self) -> None:
        """Check the sites and the share; SettingError for a site that does not exist, a share not between 0 and 1."""
        check_sites(self.sites)
        if self.stop_when_stable is not None:
            check_share(self.stop_when_stable)
        _make_paths_absolute(self)

    def run_id(self) -> str:
        """Content hash of what is measured."""
        measured = [self.kind, ENGINE_VERSION, self.model.identity(), self.corpus.identity(), sorted(self.sites)]
        if self.stop_when_stable is None:
            return content_hash(*measured)
        return content_hash(*measured, self.sites[0], self.stop_when_stable)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "sites": list(self.sites),
            "stop_when_stable": self.stop_when_stable,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ProfileRequest:
        """The inverse of `to_dict`."""
        model, corpus = ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"])
        return cls(model, corpus, tuple(values["sites"]), values.get("stop_when_stable"))


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


@dataclass(frozen=True)
class RankRequest:
    """Score every block by several methods on one text."""

    kind: ClassVar[str] = "rank"

    model: ModelSpec
    corpus: CorpusSpec
    settings: RankSettings

    def __post_init__(self) -> None:
        """Make the paths absolute; the settings have checked themselves."""
        _make_paths_absolute(self)

    def parts(self) -> tuple[RankRequest, ...]:
        """One request for every pass that the methods need, so that what was measured for one question answers more."""
        return tuple(replace(self, settings=settings) for settings in self.settings.by_pass())

    def run_id(self) -> str:
        """Content hash of what is measured."""
        return content_hash(
            self.kind, ENGINE_VERSION, self.model.identity(), self.corpus.identity(), self.settings.to_dict()
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "model": self.model.to_dict(),
            "corpus": self.corpus.to_dict(),
            "settings": self.settings.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RankRequest:
        """The inverse of `to_dict`."""
        model, corpus = ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"])
        return cls(model, corpus, RankSettings.from_dict(values["settings"]))


@dataclass(frozen=True)
class AuthorsRequest:
    """Measure what the AVSS authors' public script measures, over a corpus."""

    kind: ClassVar[str] = "authors"

    model: ModelSpec
    corpus: CorpusSpec

    def __post_init__(self) -> None:
        """Make the paths absolute."""
        _make_paths_absolute(self)

    def run_id(self) -> str:
        """Content hash of what is measured."""
        return content_hash(self.kind, ENGINE_VERSION, self.model.identity(), self.corpus.identity())

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {"model": self.model.to_dict(), "corpus": self.corpus.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AuthorsRequest:
        """The inverse of `to_dict`."""
        return cls(ModelSpec.from_dict(values["model"]), CorpusSpec.from_dict(values["corpus"]))


Request = ProfileRequest | EvaluateRequest | RankRequest | AuthorsRequest
REQUESTS: tuple[type[Request], ...] = (ProfileRequest, EvaluateRequest, RankRequest, AuthorsRequest)


def _make_paths_absolute(request: Request) -> None:
    """A worker may have another working directory than who asks."""
    model, corpus = request.model, request.corpus
    if model.kind in ("folder", "gguf"):
        object.__setattr__(request, "model", replace(model, source=str(model.path)))
    if corpus.kind in ("folder", "file"):
        object.__setattr__(request, "corpus", replace(corpus, source=str(corpus.path.absolute())))


def request_of(kind: str, spec: dict[str, Any]) -> Request:
    """The request that a run was made from; RunError for a kind that this version does not know."""
    for request in REQUESTS:
        if request.kind == kind:
            return request.from_dict(spec)
    raise RunError(f"Runs of kind {kind!r} are not known to this version of the program; update it.")
