"""How a command answers: one JSON object on standard output, or plain lines and a table for people."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

_WIDTH_OF_A_FILE = 200  # columns, where standard output is no terminal


def answer(values: dict[str, Any], as_json: bool, table: pd.DataFrame | None = None, title: str = "") -> None:
    """Print the answer. For people: single values a line each, then the table; lists and dicts are for JSON only."""
    if as_json:
        print(json.dumps(_plain(values), allow_nan=False))
        return
    for name, value in values.items():
        if name in ("kept", "removed"):
            print(f"{name:20s} {', '.join(map(str, value)) or 'none'}")
        elif not isinstance(value, list | dict):
            print(f"{name:20s} {_short(value)}")
    if table is not None:
        print_table(table, title)


def print_table(frame: pd.DataFrame, title: str = "") -> None:
    """A table on standard output, numbers to four significant digits."""
    table = Table(title=title or None, title_justify="left")
    for name in frame.columns:
        table.add_column(str(name), justify="right" if pd.api.types.is_numeric_dtype(frame[name]) else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*[_short(value) for value in row])
    Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE, highlight=False, markup=False).print(table)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame as a list of dicts, a dict a row."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict(orient="records")]


def _short(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """JSON types only; a number that is not finite becomes null, for JSON has none."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
