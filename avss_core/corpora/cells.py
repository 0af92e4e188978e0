"""From the cells of a row, in whatever shape a data set has them, to texts, lists of texts, and right choices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from avss_core.errors import CorpusError

_MISSING = object()
# Whether a choice is right, said of each in its turn; CSV says it in text.
_MARKS = {"0": False, "1": True, "false": False, "true": True}


def cell_at(row: Mapping[str, Any], path: str) -> Any:
    """The cell in the column `path`, or, where there is none of that name, the nested one that its dots lead to.

    Raises KeyError when the row has neither.
    """
    if path in row:
        return row[path]
    name, dot, rest = path.partition(".")
    inner = row.get(name, _MISSING) if dot else _MISSING
    if not isinstance(inner, Mapping):
        raise KeyError(path)
    return cell_at(inner, rest)


def as_text(cell: Any, where: str) -> str:
    """A text, a number or a truth value as text, "" for none; CorpusError for anything else."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if not isinstance(cell, str | int | float):
        raise CorpusError(f"{where} does not hold text but a {type(cell).__name__}; choose a column of text.")
    return str(cell)


def texts_in(cell: Any, where: str) -> tuple[str, ...]:
    """All texts of a cell in their order, blank and repeated ones too, so that a number still finds its own.

    The cell is a list (of texts, or of objects with a `text`), an object with a list called `text`, a JSON list as
    text (as in CSV), or one text. Raises CorpusError for anything else.
    """
    if isinstance(cell, Mapping) and "text" in cell:
        cell = cell["text"]
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        cell = _json_list(cell)
    if not isinstance(cell, list | tuple):
        cell = [cell]
    return tuple(as_text(one["text"] if isinstance(one, Mapping) and "text" in one else one, where) for one in cell)


def each_once(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts without blank ones, each once."""
    return tuple(dict.fromkeys(text for text in texts if text.strip()))


def among(kept: Sequence[str], texts: Sequence[str], right: Iterable[int]) -> tuple[int, ...]:
    """Where those of `texts` that are right stand in `kept`, which is `each_once` of them; none for a blank one."""
    wanted = {texts[index] for index in right}
    return tuple(index for index, text in enumerate(kept) if text in wanted)


def right_choices(cell: Any, choices: Sequence[str], where: str) -> tuple[int, ...]:
    """Which of `choices` are right, by number from 0; none when the cell is blank or marks none.

    choices: as the source lists them, blank ones too. The cell is a number, a letter (A is the first), the text of a
    choice, a list of such texts, or a list of marks as long as the choices: 0 and 1, or false and true. A text that is
    one of the choices is taken for that choice, even if it looks like a number; a list that names one choice only, too.
    Raises CorpusError when it is none of these, or lies outside the choices.
    """
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        cell = _json_list(cell)
    stripped = [choice.strip() for choice in choices]
    if isinstance(cell, list | tuple):
        texts = [as_text(text, where).strip() for text in cell]
        marks = [_MARKS.get(text.lower()) for text in texts]
        names_one = len(set(texts)) == 1 and texts[0] in stripped and all(isinstance(text, str) for text in cell)
        if len(cell) == len(choices) and None not in marks and not names_one:
            return tuple(index for index, mark in enumerate(marks) if mark)
        return tuple(index for index, choice in enumerate(stripped) if choice and choice in texts)
    said = as_text(cell, where).strip()
    if not said:
        return ()
    if isinstance(cell, str) and said in stripped:
        return (stripped.index(said),)
    number = int(said) if said.isdecimal() else ord(said) - ord("A") if len(said) == 1 else -1
    if not 0 <= number < len(choices):
        raise CorpusError(
            f"{where} says {said!r}, which is none of the {len(choices)} choices: give its number from 0, "
            "its letter, or its text."
        )
    return (number,)


def _json_list(text: str) -> Any:
    """The list that a text spells out, the text itself when it spells none."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return value if isinstance(value, list) else text
