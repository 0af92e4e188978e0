"""Is an answer right? Normalised exact match, then containment of an alias."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(answer: str) -> str:
    """Lower case, no punctuation, no English articles, single spaces: how SQuAD compares answers (Rajpurkar 2016).

    Where nothing would be left (the answer "A"), the answer in lower case as it stands.
    """
    plain = answer.lower().translate(_WITHOUT_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split()) or " ".join(answer.lower().split())


def is_exact(answer: str, aliases: Iterable[str]) -> bool:
    """Whether the answer is one of the aliases, both normalised."""
    said = normalise(answer)
    return any(said == normalise(alias) for alias in aliases)


def contains_alias(answer: str, aliases: Iterable[str]) -> bool:
    """Whether an alias stands in the answer as whole words, both normalised; so an exact match does too."""
    said = f" {normalise(answer)} "
    return any(f" {normalise(alias)} " in said for alias in aliases)
