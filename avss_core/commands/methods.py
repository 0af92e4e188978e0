"""`avss methods`: the ways to score a block."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import Any

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.importance import METHODS

_LABELS = {
    "paper": "paper",
    "url": "",
    "cost": "cost",
    "needs": "measures",
    "asks": "asks for",
    "direction": "direction",
    "unit": "unit",
    "sees": "sees",
    "blind_to": "blind to",
    "our_reading": "our reading",
    "licence_note": "patents",
}
_INDENT = 14
_WIDTH_OF_A_FILE = 100  # columns, where standard output is no terminal


def methods(as_json: o.Json = False) -> None:
    """The ways to score a block, cheap to dear; each with its paper, what it sees, and what it is blind to."""
    cards = [method.card() for method in METHODS]
    answer({"methods": cards}, as_json)
    if not as_json:
        width = shutil.get_terminal_size((_WIDTH_OF_A_FILE, 0)).columns
        print("\n\n".join(_text(card, width) for card in cards))


def _text(card: Mapping[str, Any], width: int) -> str:
    """A card as lines: its names, then what it says under a label each; what it has not is left out."""
    lines = [f"{card['name']}: {card['pretty_name']}" + ", per site (NAME@SITE)" * card["has_sites"]]
    for key, label in _LABELS.items():
        if card[key]:
            first = f"  {label}".ljust(_INDENT)
            lines.append(
                textwrap.fill(
                    card[key],
                    max(width, 3 * _INDENT),
                    initial_indent=first,
                    subsequent_indent=" " * _INDENT,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
    return "\n".join(lines)
