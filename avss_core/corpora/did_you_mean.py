"""The end of an error's sentence when a name is nearly right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, there_are: Iterable[str]) -> str:
    """Return `; did you mean "…"?` with the nearest of `there_are` (case aside), or a full stop where none is near."""
    by_lower = {other.lower(): other for other in there_are}
    near = get_close_matches(name.lower(), by_lower, n=1)
    return f'; did you mean "{by_lower[near[0]]}"?' if near else "."
