"""CSV, TSV and Parquet: from a file to rows, read piece by piece by `datasets`, without a copy on disk."""

from __future__ import annotations

import glob
import logging
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from avss_core.corpora.files import format_of
from avss_core.corpora.text_files import check_utf8
from avss_core.errors import CorpusError

Row = dict[str, Any]

# Of Parquet; the library would take a whole row group, and fail on a file that has none.
ROWS_AT_ONCE = 1000


@cache
def datasets_library() -> ModuleType:
    """Import `datasets` (about 0.6 s, hence not at the top), quiet and without torch.

    It imports torch for every stream wherever torch is installed, which must not happen in the web process; the
    settings hold for the process, because threads of a page share them.
    """
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)
    if "torch" not in sys.modules:
        datasets.config.TORCH_AVAILABLE = False
    return datasets


def table_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of one table: all columns, or at least `columns` (in CSV and TSV with cells as they are written).

    A cell that says NA or null in CSV is a text like any other. Raises CorpusError when the table is damaged.
    """
    if "::" in str(path):
        raise CorpusError(f"{path} has two colons in its name, which stand for an archive here; rename it.")
    kind = format_of(path)
    options: dict[str, Any] = {"batch_size": ROWS_AT_ONCE}
    if kind != "parquet":
        check_utf8(path)
        if path.stat().st_size == 0:
            return
        options = {"sep": "\t" if kind == "tsv" else ",", "keep_default_na": False}
        options["converters"] = dict.fromkeys(columns, str) or None
    try:
        # The scratch folder takes the lock files; the path is escaped because `datasets` reads it as a pattern.
        with TemporaryDirectory(prefix="avss-") as scratch:
            stream = datasets_library().load_dataset(
                "parquet" if kind == "parquet" else "csv",
                data_files=glob.escape(str(path.resolve())),
                split="train",
                streaming=True,
                cache_dir=scratch,
                **options,
            )
        for number, row in enumerate(only_needed(stream, columns), start=1):
            if number == 1:
                _check_header(row, path)
            yield row
    except CorpusError:
        raise
    except Exception as error:  # pandas, pyarrow and datasets each have their own classes for a damaged file
        raise CorpusError(f"{path} cannot be read as {kind.upper()}: {first_line(error)}") from error


def _check_header(row: Row, path: Path) -> None:
    """Raise CorpusError where the rows are longer than the header: pandas would take the first cells for an index."""
    if any(name.startswith("__index_level_") for name in row):
        raise CorpusError(
            f"{path} has more cells in its first row than names in its header: put a text with separators in quotes."
        )


def only_needed(stream: Any, columns: tuple[str, ...]) -> Any:
    """Leave out the columns that are not needed, so that pictures or vectors beside a text are never decoded."""
    names = stream.column_names or []
    if columns and set(columns) <= set(names):
        return stream.select_columns(list(columns))
    return stream.decode(False) if names else stream


def first_line(error: Exception) -> str:
    """Return what the error says, in one line that ends like a sentence."""
    said = " ".join(str(error).split("\n\n")[0].split()) or type(error).__name__
    return said if said.endswith((".", "?", "!")) else f"{said}."
