"""Which column of a source means what, so that any table of questions, labels or choices becomes examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from avss_core.corpora.did_you_mean import did_you_mean
from avss_core.errors import SettingError

# What a task can ask a source for.
MEANINGS = ("text", "label", "question", "context", "answers", "choices", "answer")
_ALSO = ("each", "group")
_LABEL = "label."


@dataclass(frozen=True)
class ColumnMapping:
    """The columns of a source by what they mean; the default is that they are called so.

    A dot leads into a nested column (`answers.text`).
    choices   one column with a list of choices, or several columns with one choice each
    answer    the right choice: its number from 0, its letter, its text, or a list of 0 and 1 as long as the choices;
              None: the first choice is the right one
    each      a column with a list of rows, each of which becomes an example beside the columns around it (the
              questions on one passage)
    group     consecutive rows with one value here are the choices of one example (one answer a row)
    labels    what a label in the source stands for, `(("0", "negative"), …)`; others stand for themselves
    """

    text: str = "text"
    label: str = "label"
    question: str = "question"
    context: str = "context"
    answers: str = "answers"
    choices: str | tuple[str, ...] = "choices"
    answer: str | None = "answer"
    each: str | None = None
    group: str | None = None
    labels: tuple[tuple[str, str], ...] = ()

    def columns_of(self, meaning: str) -> tuple[str, ...]:
        """The columns that hold `meaning`; none for an answer that is always the first choice."""
        named = getattr(self, meaning)
        return () if named is None else (named,) if isinstance(named, str) else tuple(named)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        choices = self.choices if isinstance(self.choices, str) else list(self.choices)
        return asdict(self) | {"choices": choices, "labels": [list(pair) for pair in self.labels]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ColumnMapping:
        """The inverse of `to_dict`; SettingError for a field that does not exist."""
        _check_names(set(values), {field.name for field in fields(cls)})
        known = dict(values)
        if not isinstance(known.get("choices", ""), str):
            known["choices"] = tuple(known["choices"])
        known["labels"] = tuple((str(old), str(new)) for old, new in known.get("labels", ()))
        return cls(**known)

    @classmethod
    def parse(cls, text: str) -> ColumnMapping:
        """Read `question=Frage, answers=Antwort`; several columns of choices as `a|b|c`, a label as `label.0=negative`.

        `answer=` with nothing after it says that the first choice is right. Raises SettingError for anything else.
        """
        found, labels = cls(), []
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            meaning, equals, column = (piece.strip() for piece in part.partition("="))
            if not equals or not (column or meaning == "answer"):
                raise SettingError(f"A column mapping reads meaning=column, such as question=Frage; {part!r} does not.")
            if meaning.startswith(_LABEL):
                labels.append((meaning.removeprefix(_LABEL), column))
                continue
            _check_names({meaning}, {*MEANINGS, *_ALSO})
            several = meaning == "choices" and "|" in column
            value: Any = tuple(name.strip() for name in column.split("|")) if several else column or None
            found = replace(found, **{meaning: value})
        return replace(found, labels=tuple(labels))


def _check_names(asked: set[str], known: set[str]) -> None:
    for name in sorted(asked - known):
        raise SettingError(
            f'A column cannot mean "{name}"{did_you_mean(name, known).rstrip(".")}; '
            f"there are {', '.join((*MEANINGS, *_ALSO))}, and label.NAME."
        )
