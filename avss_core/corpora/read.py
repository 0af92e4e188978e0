"""From a corpus's specification to its documents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from avss_core.corpora.rows import rows, text_cells
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.split import in_subset, part_of
from avss_core.errors import CorpusError

# Far above what a token holds on average (4 or 5 in English), so that a budget of tokens never runs short of text.
CHARACTERS_PER_TOKEN = 32


@dataclass(frozen=True)
class Document:
    """One text; `id` is the first 16 hexadecimal digits of the SHA-256 of its UTF-8 bytes."""

    id: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """The documents of the part that was asked for, in the source's order, no text twice.

    `blank` counts the rows without text and `duplicates` those that repeat an earlier one, over all rows that were
    read, whichever part they belong to.
    """

    spec: CorpusSpec
    documents: tuple[Document, ...]
    blank: int = 0
    duplicates: int = 0


def read_corpus(spec: CorpusSpec) -> Corpus:
    """Read the documents of `spec.part`, of one subset of them where `spec.subset` names it.

    Reading stops early where `spec.max_tokens` is surely reached, so a large source is not read to its end for a
    small budget. Raises CorpusError: source missing or damaged, no such column, no text, no document in the part.
    """
    documents: list[Document] = []
    known: set[str] = set()
    blank = duplicates = characters = 0
    column = spec.text_column
    budget = None if spec.max_tokens is None else spec.max_tokens * CHARACTERS_PER_TOKEN
    for number, cell in enumerate(text_cells(rows(spec, column), column, spec.source), start=1):
        if cell is None or not cell.strip():
            blank += 1
            continue
        document = Document(document_id(cell, f"Row {number} of {spec.source}"), cell)
        if document.id in known:
            duplicates += 1
            continue
        known.add(document.id)
        if spec.part in ("all", part_of(document.id)) and in_subset(document.id, spec.subset):
            documents.append(document)
            characters += len(cell)
            if budget is not None and characters >= budget:
                break
    if not documents:
        raise _nothing_left(spec, len(known), blank)
    return Corpus(spec, tuple(documents), blank, duplicates)


def document_id(text: str, where: str) -> str:
    """The id of a text; CorpusError, beginning with `where`, for one that is not valid Unicode."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise CorpusError(
            f"{where} is not valid text: character {error.start} is half of a surrogate pair; take it out."
        ) from error
    return hashlib.sha256(encoded).hexdigest()[:16]


def _nothing_left(spec: CorpusSpec, documents: int, blank: int) -> CorpusError:
    if not documents and not blank:
        return CorpusError(f"{spec.source} is empty: there is no document in it.")
    if not documents:
        rows_are = "its only row is" if blank == 1 else f"all of its {blank} rows are"
        return CorpusError(f'{spec.source} has no text in column "{spec.text_column}": {rows_are} blank.')
    purpose = "profiled" if spec.part == "profile" else "evaluated"
    count = "only 1 document" if documents == 1 else f"only {documents} documents"
    if spec.subset is not None:
        number, of = spec.subset
        return CorpusError(
            f'{spec.source} has {count}, and the part "{spec.part}" of them has none in subset {number + 1} of {of}; '
            "give more documents, or ask for fewer subsets."
        )
    more = ""
    if spec.kind == "file" and spec.path.suffix.lower() == ".txt":
        more = " (two blank lines separate documents in a text file)"
    return CorpusError(
        f"{spec.source} has {count}, none of them in the part that is {purpose}: text is split by document into a "
        f"part that is profiled and a part that is evaluated; give more documents{more}, or switch the split off by "
        "using all documents (--all-documents)."
    )
