"""Labels of the options of a chooser, no two of them equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


def told_apart(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels, by the id of what they name; equal ones with the beginning of their id.

    A chooser finds the option that was picked by its label, so of two with the same label one cannot be picked.
    """
    often = Counter(labels.values())
    return {name: f"{label} · {name[:6]}" if often[label] > 1 else label for name, label in labels.items()}
