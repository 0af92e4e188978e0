"""Which files a path stands for, and what kind of file each is."""

from __future__ import annotations

import os
from pathlib import Path

from avss_core.corpora.did_you_mean import did_you_mean
from avss_core.errors import CorpusError

FORMATS = {
    ".txt": "text",
    ".md": "text",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
READABLE = ", ".join(FORMATS)

# A folder of tables often carries these beside them; they describe the data and are not data.
ABOUT_THE_DATA = ("readme", "license", "licence", "notice", "citation")


def format_of(path: Path) -> str:
    """Return "text", "json", "csv", "tsv" or "parquet" by the file's ending; raises CorpusError for any other."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        ending = f"end in {suffix}" if suffix else "have no ending"
        raise CorpusError(f"{path} cannot be read as text: files that {ending} are not known, only {READABLE}.")
    return FORMATS[suffix]


def files_of(path: Path) -> list[Path]:
    """List the files to read for `path`: itself, or all readable files of a folder and its subfolders, sorted.

    A folder holds either text files or tables of one kind. Hidden files are left out, and so are README and
    licence texts that lie beside tables. Raises CorpusError when the path is missing, unreadable, or mixed.
    """
    if path.is_dir():
        return _files_in(path)
    if not path.exists():
        siblings = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise CorpusError(f"There is no file or folder {path}{did_you_mean(path.name, siblings)}")
    format_of(path)
    return [path]


def _files_in(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [Path(parent, name) for name in names if not name.startswith(".") and _is_readable(name)]
    found.sort(key=lambda file: file.relative_to(folder).parts)

    tables = [file for file in found if format_of(file) != "text"]
    if tables:
        found = [file for file in found if file in tables or file.stem.lower() not in ABOUT_THE_DATA]
    formats = sorted({format_of(file) for file in found})
    if not formats:
        raise CorpusError(f"The folder {folder} has no file that can be read ({READABLE}).")
    if len(formats) > 1:
        kinds = " and ".join(formats)
        raise CorpusError(f"The folder {folder} mixes {kinds} files: keep one kind in it, or name one file.")
    return found


def _is_readable(name: str) -> bool:
    return Path(name).suffix.lower() in FORMATS
