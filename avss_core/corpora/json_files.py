"""JSON Lines and JSON: from a file to rows.

Read with the standard library and not with `datasets`, whose reader guesses a type for every field from the first
10 MB: a field that first appears later, or changes its type there, fails the whole file, and a text that looks like a
date stops being a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avss_core.corpora.text_files import check_utf8
from avss_core.errors import CorpusError

Row = dict[str, Any]


def json_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSON Lines file, or of a `.json` file that holds one list.

    The list may be the only list inside one object (`{"data": [...]}`); a `.json` file may also hold JSON Lines. A
    row is an object, or a string, which becomes `{"text": string}`; empty lines do not count. Raises CorpusError
    with the line (or the element of the list) that is malformed, and where bytes are not UTF-8.
    """
    check_utf8(path)
    if path.suffix.lower() != ".json":
        yield from _lines(path)
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig").strip() or "[]")
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise _malformed(path, error.lineno, error.msg) from error
        yield from _lines(path)  # several values in one file: JSON Lines under another ending
        return
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list)]
        content = lists[0] if len(lists) == 1 else [content]
    if not isinstance(content, list):
        raise CorpusError(f"{path} holds one {type(content).__name__} and no list of texts.")
    for number, value in enumerate(content, start=1):
        yield _row(value, f"Element {number} of {path}")


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    value = json.loads(line)
                except json.JSONDecodeError as error:
                    raise _malformed(path, number, error.msg) from error
                yield _row(value, f"Line {number} of {path}")


def _row(value: Any, where: str) -> Row:
    if isinstance(value, str):
        return {"text": value}
    if not isinstance(value, dict):
        raise CorpusError(f"{where} is not a JSON object with named fields but a {type(value).__name__}.")
    return value


def _malformed(path: Path, line: int, message: str) -> CorpusError:
    return CorpusError(f"Line {line} of {path} is not valid JSON ({message}); a JSON Lines file has one object a line.")
