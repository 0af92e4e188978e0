"""Is an answer truthful or made up? Three judges, from strict to lenient. No torch."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from avss_core.errors import SettingError
from avss_core.tasks.verdict import contains_alias, is_exact, normalise

TRUTHFUL, HALLUCINATED = "truthful", "hallucinated"
LABELS = (TRUTHFUL, HALLUCINATED)
DEFAULT_JUDGE = "alias"


@dataclass(frozen=True)
class Judge:
    """how: one sentence for the page. is_right: the answer and the references -> truthful or not."""

    name: str
    how: str
    is_right: Callable[[str, Sequence[str]], bool]


def _contains_either_way(answer: str, references: Iterable[str]) -> bool:
    """Whether one stands in the other as whole words, accents and hyphens aside; an answer without a word does not."""
    said = _folded(answer)
    if not any(letter.isalnum() for letter in said):
        return False
    known = [_folded(reference) for reference in references]
    return contains_alias(said, known) or any(contains_alias(reference, [said]) for reference in known)


def _folded(text: str) -> str:
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return normalise(plain.replace("-", " "))


JUDGES: tuple[Judge, ...] = (
    Judge("exact", "Right when it is one of the references; case, punctuation and articles do not count.", is_exact),
    Judge(
        "alias",
        "Right when it contains one of the references as whole words; so an exact match is too.",
        contains_alias,
    ),
    Judge(
        "loose",
        "Right when it contains a reference or a reference contains it, as whole words without accents.",
        _contains_either_way,
    ),
)


def judge_named(name: str) -> Judge:
    """The judge of that name; SettingError when there is none."""
    found = next((judge for judge in JUDGES if judge.name == name), None)
    if found is None:
        raise SettingError(f"There is no judge {name!r}; the judges are {', '.join(judge.name for judge in JUDGES)}.")
    return found


def judge_answers(frame: pd.DataFrame, judge: str = DEFAULT_JUDGE) -> pd.Series:
    """`truthful` or `hallucinated` for every row of a frame with `answer` and `references`, by the frame's index.

    Nothing is generated. An empty answer is not right. Raises SettingError for an unknown judge.
    """
    is_right = judge_named(judge).is_right
    pairs = zip(frame["answer"], frame["references"], strict=True)
    labels = [
        TRUTHFUL if answer.strip() and is_right(answer, references) else HALLUCINATED for answer, references in pairs
    ]
    return pd.Series(labels, index=frame.index, name="label", dtype=object)
