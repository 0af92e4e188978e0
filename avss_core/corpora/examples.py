"""From a source and a column mapping to examples: what tasks ask, and what is right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from avss_core.corpora.cells import among, as_text, cell_at, each_once, right_choices, texts_in
from avss_core.corpora.did_you_mean import did_you_mean
from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.read import document_id
from avss_core.corpora.rows import ROWS_WITHOUT_COLUMN, Row, rows
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.split import in_subset, part_of
from avss_core.errors import CorpusError
from avss_core.hashing import content_hash

# The first of these that a task asks for is the text that could also have been profiled.
_TEXTS_THAT_SPLIT = ("context", "text", "question")


@dataclass(frozen=True)
class Example:
    """One example. What its task does not ask for is empty.

    id: content hash of all it holds. document: number, in the order of reading, of the text that decides which part
    it belongs to (the passage that is asked about, else the text or question itself), and document_id that text's
    hash; examples on one passage share them. right: the right ones of `choices`, by number from 0.
    """

    id: str
    document: int
    document_id: str
    text: str = ""
    label: str = ""
    question: str = ""
    context: str = ""
    answers: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    right: tuple[int, ...] = ()


def read_examples(spec: CorpusSpec, mapping: ColumnMapping, needs: Sequence[str]) -> tuple[Example, ...]:
    """Read the examples of `spec.part`, at most `spec.max_examples`, in the source's order, none twice.

    needs: what a task asks for, of `MEANINGS`. An example goes to the side where its text would go if it were
    profiled, so no passage and no question is on both sides. Rows in which something needed is blank, or no choice is
    right, are left out. Raises CorpusError: source missing or damaged, a column missing (naming those there are), a
    cell of the wrong kind, no example in the part.
    """
    documents: dict[str, int] = {}
    found: dict[str, Example] = {}
    read = 0
    for values in _complete(spec, mapping, needs):
        read += 1
        text = next(values[name] for name in _TEXTS_THAT_SPLIT if name in needs)
        its_id = document_id(text, f"An example of {spec.source}")
        if spec.part not in ("all", part_of(its_id)) or not in_subset(its_id, spec.subset):
            continue
        number = documents.setdefault(its_id, len(documents))
        example = Example(content_hash(values), number, its_id, **values)
        found.setdefault(example.id, example)
        if len(found) == spec.max_examples:
            break
    if not found:
        raise _nothing_found(spec, needs, read)
    return tuple(found.values())


def _complete(spec: CorpusSpec, mapping: ColumnMapping, needs: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The needed values of every row that has all of them."""
    table: Iterable[Row] = rows(spec, *_read_from(mapping, needs))
    if mapping.each is not None:
        table = _each(_with_columns(table, (mapping.each,), spec.source), mapping.each)
    # Before rows are joined: of a column that is not there, joining would make one of blanks.
    table = _with_columns(table, _columns(mapping, needs), spec.source)
    group = _group(mapping, needs)
    if group is not None:
        table = _grouped(table, mapping, group)
    for number, row in enumerate(table, start=1):
        values = _values(row, mapping, needs, f"of {spec.source}, row {number},")
        if all(value if isinstance(value, tuple) else value.strip() for value in values.values()):
            yield values


def _read_from(mapping: ColumnMapping, needs: Sequence[str]) -> tuple[str, ...]:
    """The columns of the source that are needed; none (that is, all) where the rows lie inside one of them."""
    if mapping.each is not None:
        return ()
    return tuple(dict.fromkeys(column.partition(".")[0] for column in _columns(mapping, needs)))


def _columns(mapping: ColumnMapping, needs: Sequence[str]) -> tuple[str, ...]:
    """The columns that a row needs, be it of the source or inside its column `each`."""
    group = _group(mapping, needs)
    named = [column for meaning in needs for column in mapping.columns_of(meaning)]
    return tuple(dict.fromkeys(named if group is None else [*named, group]))


def _group(mapping: ColumnMapping, needs: Sequence[str]) -> str | None:
    """The column that tells which rows are the choices of one example; None where no choices are asked for."""
    return mapping.group if "choices" in needs else None


def _values(row: Row, mapping: ColumnMapping, needs: Sequence[str], where: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    listed: tuple[str, ...] = ()  # the choices as the row has them, which its answer counts in
    for meaning in needs:
        columns = mapping.columns_of(meaning)
        said = f'Column "{", ".join(columns)}" {where}'
        cells = [_cell_or_none(row, column) for column in columns]
        if meaning == "choices":
            listed = tuple(text for cell in cells for text in texts_in(cell, said))
            choices = each_once(listed)
            values["choices"] = choices if len(choices) > 1 else ()
        elif meaning == "answers":
            values["answers"] = each_once(texts_in(cells[0], said))
        elif meaning == "answer":
            right = right_choices(cells[0], listed, said) if columns else (0,) if listed else ()
            values["right"] = among(values["choices"], listed, right)
        else:
            values[meaning] = as_text(cells[0], said)
    if "label" in values:
        values["label"] = dict(mapping.labels).get(values["label"], values["label"])
    return values


def _each(table: Iterable[Row], column: str) -> Iterator[Row]:
    """One row for each element of the list in `column`, with the columns around it."""
    for row in table:
        inner = _cell_or_none(row, column)
        for element in inner if isinstance(inner, list) else []:
            yield {**row, **element} if isinstance(element, Mapping) else row


def _grouped(table: Iterable[Row], mapping: ColumnMapping, group: str) -> Iterator[Row]:
    """Consecutive rows with one value in the column `group` as one row: their choices, and which of them is right."""
    for _, members in groupby(table, key=lambda row: _cell_or_none(row, group)):
        together = list(members)
        joined = [*mapping.columns_of("choices"), *mapping.columns_of("answer")]
        yield together[0] | {column: [_cell_or_none(row, column) for row in together] for column in joined}


def _with_columns(table: Iterable[Row], columns: Iterable[str], source: str) -> Iterator[Row]:
    """The rows; raises CorpusError when one of the columns is in none of them, naming those there are."""
    missing = dict.fromkeys(columns)
    others: dict[str, None] = {}  # in the order they were met
    held: list[Row] = []
    for number, row in enumerate(table, start=1):
        if not missing:
            yield row
            continue
        held.append(row)
        others.update(dict.fromkeys(row))
        missing = dict.fromkeys(column for column in missing if not _has(row, column))
        if not missing:
            yield from held
            held.clear()
        elif number == ROWS_WITHOUT_COLUMN:
            break
    if missing and others:
        column = next(iter(missing))
        raise CorpusError(
            f'{source} has no column "{column}" (there are: {", ".join(others)}){did_you_mean(column, others)}'
        )


def _has(row: Row, column: str) -> bool:
    try:
        cell_at(row, column)
    except KeyError:
        return False
    return True


def _cell_or_none(row: Row, column: str) -> Any:
    return cell_at(row, column) if _has(row, column) else None


def _nothing_found(spec: CorpusSpec, needs: Sequence[str], read: int) -> CorpusError:
    if not read:
        return CorpusError(f"{spec.source} has no row with all of {', '.join(needs)}: each is empty or lacks one.")
    purpose = "profiled" if spec.part == "profile" else "evaluated"
    if spec.subset is not None:
        purpose += f" and in subset {spec.subset[0] + 1} of {spec.subset[1]}"
    return CorpusError(
        f"{spec.source} has {'1 example' if read == 1 else f'{read} examples'}, none in the part that is {purpose}: "
        "examples are split by a hash of their text; give more, or switch the split off by using all documents "
        "(--all-documents)."
    )
