"""From any source to rows, and from rows to the cells of the text column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from avss_core.corpora.did_you_mean import did_you_mean
from avss_core.corpora.files import files_of, format_of
from avss_core.corpora.hub import hub_rows
from avss_core.corpora.json_files import json_rows
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.tables import Row, table_rows
from avss_core.corpora.text_files import text_rows
from avss_core.errors import CorpusError

# Rows of JSON may lack a field; after so many without the text column it is not worth while to read on.
ROWS_WITHOUT_COLUMN = 1000


def rows(spec: CorpusSpec, *columns: str) -> Iterator[Row]:
    """Yield the rows of the source in its own order, whatever the part: every column, or at least `columns`."""
    if spec.kind == "hub":
        yield from hub_rows(spec, columns)
        return
    for path in files_of(spec.path):
        try:
            yield from _file_rows(path, columns, whole=spec.kind == "folder")
        except OSError as error:
            raise CorpusError(f"{path} cannot be opened: {error.strerror or error}.") from error


def _file_rows(path: Path, columns: tuple[str, ...], whole: bool) -> Iterator[Row]:
    match format_of(path):
        case "text":
            return text_rows(path, whole)
        case "json":
            return json_rows(path)
        case _:
            return table_rows(path, columns)


def text_cells(table: Iterable[Row], column: str, source: str) -> Iterator[str | None]:
    """Yield the cell of `column` of every row, None where a row has none.

    Raises CorpusError when no row has the column (naming those there are), and when a cell is not text.
    """
    others: dict[str, None] = {}  # in the order they were met
    found = False
    for number, row in enumerate(table, start=1):
        found = found or column in row
        if not found:
            others.update(dict.fromkeys(row))
            if number == ROWS_WITHOUT_COLUMN:
                break
        cell = row.get(column)
        if cell is not None and not isinstance(cell, str):
            raise CorpusError(
                f'Column "{column}" of {source} does not hold text: row {number} has a {type(cell).__name__}; '
                "choose a column of text."
            )
        yield cell
    if others and not found:
        there_are = ", ".join(others)
        raise CorpusError(f'{source} has no column "{column}" (there are: {there_are}){did_you_mean(column, others)}')
