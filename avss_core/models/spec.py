"""Which model is asked for. Nothing is read here but names, sizes and times of files, and nothing needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from avss_core.errors import ModelError, SettingError
from avss_core.hashing import content_hash
from avss_core.models.package import GGUF_SHA256
from avss_core.models.standin_package import SOURCE as STANDIN
from avss_core.models.standin_package import standin_identity
from avss_core.paths import looked_at

Kind = Literal["default", "standin", "hub", "folder", "gguf"]

DTYPES = ("auto", "float32", "bfloat16", "float16")
_FILES_THAT_COUNT = ("*.safetensors", "*.json", "*.bin", "*.pt", "*.model", "*.txt", "*.jinja", "*.py")


@dataclass(frozen=True)
class ModelSpec:
    """A model by its source, and how to hold it.

    source: `default`, a folder, a GGUF file, or a hub id (`name` or `owner/name`); revision: of a hub id only.
    `standin-classifier` is the small classifier that stands in for DistilBERT (`models/standin.py`).
    dtype: `auto`, `float32`, `bfloat16` or `float16`; device: `auto`, or any name torch knows (`cuda:1`).
    Pickle weights and code that comes with a model can run anything, so both are off unless allowed.
    """

    source: str = "default"
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    allow_pickle: bool = False
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Raise SettingError for a dtype that is not one of `DTYPES`, or an empty source."""
        if self.dtype not in DTYPES:
            raise SettingError(f"The dtype {self.dtype!r} is not known; choose one of {', '.join(DTYPES)}.")
        if not self.source.strip():
            raise SettingError("The model's name is empty; give a hub id, a folder, a GGUF file, or `default`.")

    @property
    def kind(self) -> Kind:
        """What `source` is. A name that can only be a path counts as a folder even when nothing is there.

        Raises ModelError for a path that the system refuses to look at.
        """
        if self.source == "default":
            return "default"
        if self.source == STANDIN:
            return "standin"
        with self._looked_at():
            if self.path.is_dir():
                return "folder"
            if self.source.lower().endswith(".gguf"):
                return "gguf"
            is_path = self.source[0] in "./~\\" or self.source.count("/") > 1 or self.path.is_file()
        return "folder" if is_path else "hub"

    @property
    def path(self) -> Path:
        """`source` as an absolute path; ModelError where it names the home folder of nobody."""
        with self._looked_at():
            return Path(self.source).expanduser().absolute()

    def identity(self) -> str:
        """Content hash of what would be loaded, without reading weights.

        Files count by name, size and time of change; a hub id by its revision (so a branch that moves keeps its
        identity: `LoadedModel.fingerprint` is taken from the weights themselves). The device counts only where it is
        named and the dtype is not, since `auto` may be another dtype on another device.
        """
        named: dict[str, Any] = {"kind": self.kind, "dtype": self.dtype, "trust_remote_code": self.trust_remote_code}
        if self.dtype == "auto" and self.device != "auto":
            named["device"] = self.device
        if self.kind == "default":
            return content_hash(named, GGUF_SHA256)
        if self.kind == "standin":
            return content_hash(named, standin_identity())
        if self.kind == "hub":
            return content_hash(named, self.source, self.revision)
        with self._looked_at():
            return content_hash(named, str(self.path), [_state(file) for file in self._files()])

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelSpec:
        """The inverse of `to_dict`; raises SettingError for a field that does not exist."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise SettingError(f"A model has no setting named {', '.join(sorted(unknown))}.")
        return cls(**values)

    def _looked_at(self) -> AbstractContextManager[None]:
        return looked_at(self.source, ModelError, "give a hub id, a folder, a GGUF file, or `default`")

    def _files(self) -> Iterator[Path]:
        if self.path.is_file():
            yield self.path
        else:
            yield from sorted({file for pattern in _FILES_THAT_COUNT for file in self.path.glob(pattern)})


def _state(file: Path) -> tuple[str, int, int]:
    facts = file.stat()
    return file.name, facts.st_size, facts.st_mtime_ns
