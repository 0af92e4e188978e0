"""The model that was pruned, as those call it who did not prune it: name, hub id, licence. No torch here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from avss_core.models import standin_package
from avss_core.models.package import LICENCE, PACKAGE
from avss_core.models.spec import ModelSpec

_DEFAULT_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
_DEFAULT_NOTE = (
    f"The weights are those that the package {PACKAGE} carries, rounded to 4 bits (Q4_1) and written out as floating "
    "point numbers; they are close to those on the hub, and not the same."
)
_NAMES_OF_LICENCE_FILES = ("LICENSE*", "LICENCE*", "NOTICE*", "COPYING*")


@dataclass(frozen=True)
class Source:
    """name: for people. hub_id, path: where the weights can be read, None where they cannot.

    licence: the hub's name of it (`apache-2.0`), None when it is not known. note: what a reader of the card must know
    of these weights. licence_files: to be handed on with the weights.
    """

    name: str
    hub_id: str | None = None
    revision: str | None = None
    path: Path | None = None
    licence: str | None = None
    note: str = ""
    licence_files: tuple[Path, ...] = ()

    @property
    def reference(self) -> str | None:
        """What mergekit reads it by: its folder or its hub id; None for a GGUF file or a model made in memory."""
        return str(self.path) if self.path is not None else self.hub_id


def source_of(spec: ModelSpec) -> Source:
    """What a spec tells of its model, with the licence that a folder's model card names."""
    if spec.source == "in-memory":
        return Source(name="a model in memory")
    if spec.kind == "default":
        return Source("SmolLM2-135M-Instruct", _DEFAULT_HUB_ID, licence=LICENCE.lower(), note=_DEFAULT_NOTE)
    if spec.kind == "standin":
        licence = standin_package.LICENCE
        note = f"{standin_package.WHAT}. Licences: {licence}."
        return Source(standin_package.SOURCE, licence=licence.split()[0].lower(), note=note)
    if spec.kind == "hub":
        return Source(spec.source.rpartition("/")[2], spec.source, spec.revision)
    if spec.kind == "gguf":
        note = "The weights were read from a GGUF file; rounded ones stay rounded, now as floating point numbers."
        return Source(spec.path.stem, note=note)
    files = sorted({file for pattern in _NAMES_OF_LICENCE_FILES for file in spec.path.glob(pattern) if file.is_file()})
    return Source(spec.path.name, path=spec.path, licence=_licence_of(spec.path), licence_files=tuple(files))


def _licence_of(folder: Path) -> str | None:
    """The licence in the first lines of the folder's model card; None where there is none."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    head = re.match(r"---\r?\n(.*?\n)---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    found = head and re.search(r"^license:[ \t]*[\"']?([\w.+-]+)", head[1], re.MULTILINE)
    return found[1] if found else None
