"""The sample corpus `essays` is what its users are told: varied, balanced, distinct, moderate in length."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

ESSAYS = Path(__file__).resolve().parents[2] / "assets" / "samples" / "essays.jsonl"
REGISTERS = {"news", "encyclopaedic", "conversation", "narrative", "technical", "code"}


@pytest.fixture(scope="module")
def essays() -> list[dict[str, str]]:
    # Split at "\n" only: str.splitlines would also break at characters that JSON allows inside a string.
    lines = ESSAYS.read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [json.loads(line) for line in lines]


def test_every_line_has_text_register_and_title(essays: list[dict[str, str]]) -> None:
    for essay in essays:
        assert set(essay) == {"text", "register", "title"}
        assert all(isinstance(value, str) and value.strip() for value in essay.values())


def test_six_registers_with_at_least_eight_documents_each(essays: list[dict[str, str]]) -> None:
    counts = Counter(essay["register"] for essay in essays)
    assert set(counts) == REGISTERS
    assert min(counts.values()) >= 8


def test_any_prefix_is_balanced(essays: list[dict[str, str]]) -> None:
    counts = dict.fromkeys(REGISTERS, 0)
    for essay in essays:
        counts[essay["register"]] += 1
        assert max(counts.values()) - min(counts.values()) <= 1


def test_texts_and_titles_are_distinct(essays: list[dict[str, str]]) -> None:
    assert len({essay["text"] for essay in essays}) == len(essays)
    assert len({essay["title"] for essay in essays}) == len(essays)


def test_lengths(essays: list[dict[str, str]]) -> None:
    lengths = [len(essay["text"].split()) for essay in essays]
    assert sum(lengths) >= 12_000
    assert max(lengths) <= 700
