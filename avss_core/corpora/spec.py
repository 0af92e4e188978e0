"""Which text is meant, and how it is cut: small, hashable, and the same in every process."""

from __future__ import annotations

import hashlib
import re
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from avss_core.corpora.files import FORMATS, files_of
from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.registry import sample_set
from avss_core.errors import CorpusError, SettingError
from avss_core.hashing import content_hash
from avss_core.paths import looked_at

DEFAULT_COLUMN = "text"
PARTS = ("profile", "evaluate", "all")
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


@dataclass(frozen=True)
class CorpusSpec:
    """A corpus, and how it becomes tokens.

    source      `sample:NAME`, a path to a file or folder, or the id of a data set on the hub
    part        the documents to profile ("profile"), those held out to evaluate on ("evaluate"), or "all"
    column      the column (JSON field) that holds the text; the one of text files is called "text"
    config      name of the hub data set's configuration
    split       name of the hub data set's split ("train" when None)
    length      longest window, in tokens
    max_tokens  stop after so many tokens of the part (None: all of it)
    mapping     for a task that reads more than text: which column means what (None: as the data set is known, or as
                the columns are called)
    max_examples  stop after so many of the part's examples (None: all of them)
    subset      (i, r): only the i-th (from 0) of r disjoint subsets of the part's documents, by a hash of the document
                (None: all of them), so that something can be measured r times on other text of the same kind

    Raises SettingError for an unknown part or subset and for a length or budget below one token or example.
    """

    source: str = "sample:essays"
    part: str = "profile"
    column: str = DEFAULT_COLUMN
    config: str | None = None
    split: str | None = None
    length: int = 512
    max_tokens: int | None = None
    mapping: ColumnMapping | None = None
    max_examples: int | None = None
    subset: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise CorpusError("No text was named: give sample:essays, a file, a folder, or the id of a hub data set.")
        if self.part not in PARTS:
            raise SettingError(f'The part of a corpus is one of {", ".join(PARTS)}, not "{self.part}".')
        if self.length < 1:
            raise SettingError(f"The length of a window must be at least 1 token, not {self.length}.")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise SettingError(f"The number of tokens to read must be at least 1, not {self.max_tokens}.")
        if self.max_examples is not None and self.max_examples < 1:
            raise SettingError(f"The number of examples to read must be at least 1, not {self.max_examples}.")
        if self.subset is not None and not 0 <= self.subset[0] < self.subset[1]:
            raise SettingError(
                f"A subset of a corpus is a number below how many there are, such as (0, 5), not {self.subset}."
            )

    @property
    def kind(self) -> str:
        """Return "sample", "file", "folder" or "hub"; what exists as a path is never looked for on the hub.

        Raises CorpusError for a path that the system refuses to look at.
        """
        if self.source.startswith("sample:"):
            return "sample"
        with self._looked_at():
            path = Path(self.source).expanduser()
            if path.is_dir():
                return "folder"
            if path.exists() or path.suffix.lower() in FORMATS or not HUB_ID.fullmatch(self.source):
                return "file"
        return "hub"

    @property
    def path(self) -> Path:
        """Where a sample, file or folder lies; raises CorpusError for an unknown sample and for a hub id."""
        if self.kind == "sample":
            return sample_set(self.source.removeprefix("sample:")).path
        if self.kind == "hub":
            raise CorpusError(f"{self.source} is a data set on the hub and has no path here.")
        return Path(self.source).expanduser()

    @property
    def text_column(self) -> str:
        """The column that holds the text; where none but the default is named, a sample knows its own."""
        if self.kind == "sample" and self.column == DEFAULT_COLUMN:
            return sample_set(self.source.removeprefix("sample:")).column
        return self.column

    def identity(self) -> str:
        """Return a content hash: equal when the same text would be read and cut in the same way.

        A sample counts by its content, a local file by its place, size and time of change, a hub data set by its
        name. Raises CorpusError when a sample or path is not there.
        """
        return content_hash(self.to_dict() | {"source": self._source_identity()})

    def _source_identity(self) -> list[Any]:
        if self.kind == "hub":
            return [self.source]
        if self.kind == "sample":
            return [self.source, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files_of(self.path))]
        with self._looked_at():
            files = [(file.resolve(), file.stat()) for file in files_of(self.path)]
        return [[str(file), status.st_size, status.st_mtime_ns] for file, status in files]

    def _looked_at(self) -> AbstractContextManager[None]:
        return looked_at(self.source, CorpusError, "give another file or folder, or the id of a hub data set")

    def of_part(self, part: str) -> CorpusSpec:
        """Return the same corpus with another part of it."""
        return replace(self, part=part)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types; without those that came later (mapping, max_examples, subset) where None."""
        fields = asdict(self)
        if self.mapping is None:
            del fields["mapping"]
        else:
            fields["mapping"] = self.mapping.to_dict()
        if self.max_examples is None:
            del fields["max_examples"]
        if self.subset is None:
            del fields["subset"]
        else:
            fields["subset"] = list(self.subset)
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> CorpusSpec:
        """Build a spec from what `to_dict` returned."""
        mapping, subset = fields.get("mapping"), fields.get("subset")
        read = {
            "mapping": None if mapping is None else ColumnMapping.from_dict(mapping),
            "subset": None if subset is None else (int(subset[0]), int(subset[1])),
        }
        return cls(**fields | read)
