"""Right or wrong: normalised exact match, then containment."""

from __future__ import annotations

import pytest
from torchmetrics.functional.text import squad

from avss_core.corpora import Example
from avss_core.tasks import TASKS
from avss_core.tasks.verdict import contains_alias, is_exact, normalise


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        ("The Beatles!", "beatles"),
        ("  an  apple,   a pear ", "apple pear"),
        ("U.S.A.", "usa"),
        ("A", "a"),
        ("theatre", "theatre"),
        ("", ""),
        ("?", "?"),
    ],
)
def test_normalised(answer: str, plain: str) -> None:
    assert normalise(answer) == plain


@pytest.mark.parametrize("answer", ["The Beatles!", "a Beatle", "beatles.", "Beatles, the", "the the", "1,912", "x-y"])
@pytest.mark.parametrize("alias", ["The Beatles", "Beatle", "1912", "xy", "x y"])
def test_exact_match_agrees_with_torchmetrics(answer: str, alias: str) -> None:
    theirs = squad(
        {"id": "1", "prediction_text": answer}, {"id": "1", "answers": {"text": [alias], "answer_start": [0]}}
    )
    if normalise(answer) != "the the":  # of which nothing is left there
        assert is_exact(answer, [alias]) == bool(theirs["exact_match"])


@pytest.mark.parametrize(
    ("answer", "exact", "contained"),
    [
        ("Paris", True, True),
        ("the City of Light", True, True),
        ("It is Paris, of course.", False, True),
        ("Parisian food", False, False),
        ("London", False, False),
        ("", False, False),
    ],
)
def test_an_alias_counts_as_whole_words(answer: str, exact: bool, contained: bool) -> None:
    aliases = ["Paris", "City of Light"]
    assert (is_exact(answer, aliases), contains_alias(answer, aliases)) == (exact, contained)
    judged = TASKS["closed_book"].judge(answer, Example("1", 0, "1", question="q", answers=tuple(aliases)))
    assert judged == {"exact": exact, "correct": contained}


@pytest.mark.parametrize(
    ("answer", "exact", "f1"),
    [
        ("grey granite", 1.0, 1.0),
        ("The Grey Granite.", 1.0, 1.0),
        ("granite", 0.0, 2 / 3),  # precision 1, recall 1/2
        ("hard grey stone granite", 0.0, 2 / 3),  # precision 2/4, recall 1
        ("oak", 0.0, 0.0),
        ("", 0.0, 0.0),
        ("stone", 1.0, 1.0),  # the other reference
    ],
)
def test_question_answering_is_judged_as_squad_is(answer: str, exact: float, f1: float) -> None:
    example = Example("1", 0, "1", question="q", context="c", answers=("grey granite", "the stone"))
    assert TASKS["qa"].judge(answer, example) == pytest.approx({"exact": exact, "f1": f1})
