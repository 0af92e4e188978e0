"""Plain text: from a file to documents."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from avss_core.errors import CorpusError

# A newline, then at least two lines with nothing but white space on them.
BETWEEN_DOCUMENTS = re.compile(r"\n(?:[ \t]*\n){2,}")
CHUNK = 1 << 20


def text_rows(path: Path, whole: bool) -> Iterator[dict[str, str]]:
    """Yield the documents of one text file as rows with the columns `text` and `file`.

    One blank line separates paragraphs, so two or more separate documents (chapters of a book, articles of a dump).
    Markdown is never taken apart (code in it has such gaps), nor is any file when `whole` is set, as for the files
    of a folder. Newlines at either end of a document do not count. Raises CorpusError where the bytes are not UTF-8.
    """
    check_utf8(path)
    text = path.read_text(encoding="utf-8-sig")
    whole = whole or path.suffix.lower() == ".md"
    for document in [text] if whole else BETWEEN_DOCUMENTS.split(text):
        yield {"text": document.strip("\n"), "file": path.name}


def check_utf8(path: Path) -> None:
    """Raise CorpusError with the position of the first byte that is not UTF-8; reads the file in pieces."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    position = 0  # of the piece that is decoded next, bytes held back from the one before included
    with path.open("rb") as file:
        while True:
            piece = file.read(CHUNK)
            held_back = len(decoder.getstate()[0])
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                raise not_utf8(path, position - held_back + error.start) from error
            if not piece:
                return
            position += len(piece)


def not_utf8(path: Path, offset: int) -> CorpusError:
    """Build the error for a byte that is not UTF-8."""
    return CorpusError(f"{path} is not UTF-8 text: the byte at offset {offset} cannot be decoded; save it as UTF-8.")
