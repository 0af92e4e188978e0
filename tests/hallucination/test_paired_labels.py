"""Labels by hand when two models' answers are compared: what is put right on one side alone is no change."""

from __future__ import annotations

import pandas as pd

from avss_core.hallucination.labels import paired_labels


def answers(texts: dict[str, str]) -> pd.DataFrame:
    """All references are "Paris"."""
    rows = [{"example": example, "answer": text, "references": ["Paris"]} for example, text in texts.items()]
    return pd.DataFrame(rows)


BEFORE = answers({"a": "Lutetia", "b": "Paname", "c": "Paris", "d": "Rome"})
AFTER = answers({"d": "Rome", "a": "Lutetia", "b": "Paris", "c": "Rome", "e": "Lyon"})
T, H = "truthful", "hallucinated"


def test_the_same_answer_has_one_label() -> None:
    before, after = paired_labels(BEFORE, AFTER, "alias", {"a": T})
    assert before.tolist() == [T, H, T, H]
    assert after.tolist() == [H, T, T, H, H]
    before, after = paired_labels(BEFORE, AFTER, "alias", {}, {"d": T})
    assert before.tolist() == [H, H, T, T]
    assert after.tolist() == [T, H, T, H, H]


def test_different_answers_need_a_label_each() -> None:
    before, after = paired_labels(BEFORE, AFTER, "alias", {"b": T, "c": H})
    assert before.tolist() == [H, H, T, H], "the judge again: nobody looked at the other answers"
    assert after.tolist() == [H, H, T, H, H]
    before, after = paired_labels(BEFORE, AFTER, "alias", {"b": T, "c": H}, {"b": H})
    assert before.tolist() == [H, T, T, H]
    assert after.tolist() == [H, H, H, H, H]


def test_each_side_keeps_what_it_was_given_itself() -> None:
    before, after = paired_labels(BEFORE, AFTER, "alias", {"a": T}, {"a": H})
    assert (before[0], after[1]) == (T, H)
