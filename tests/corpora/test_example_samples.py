"""The sample sets of examples are what their users are told: large enough, balanced, answerable."""

from __future__ import annotations

from collections import Counter

import pytest

from avss_core.corpora import ColumnMapping, CorpusSpec, Example, read_examples
from avss_core.tasks.verdict import contains_alias


def examples(name: str, needs: tuple[str, ...], part: str = "all", **columns) -> tuple[Example, ...]:
    return read_examples(CorpusSpec(f"sample:{name}", part), ColumnMapping(**columns), needs)


@pytest.mark.parametrize("part", ["all", "profile", "evaluate"])
def test_sentiment_is_half_praise_and_half_complaint(part):
    counts = Counter(one.label for one in examples("sentiment", ("text", "label"), part))
    assert set(counts) == {"negative", "positive"}
    assert sum(counts.values()) >= (200 if part == "all" else 90)
    assert abs(counts["negative"] / sum(counts.values()) - 0.5) < 0.1


def test_every_answer_stands_in_its_passage():
    found = examples("passages", ("context", "question", "answers"), each="questions")
    assert len(found) >= 150
    assert len({one.context for one in found}) >= 60
    assert all(answer in one.context for one in found for answer in one.answers)


def test_closed_book_questions_are_graded_and_distinct():
    found = examples("closed_book", ("question", "label", "answers"), label="difficulty")
    assert len(found) >= 400
    counts = Counter(one.label for one in found)
    assert set(counts) == set("12345")
    assert max(counts.values()) - min(counts.values()) <= 5
    assert len({one.question for one in found}) == len(found)
    assert sum(len(one.answers) > 1 for one in found) > 100


def test_no_closed_book_answer_is_met_by_chance():
    found = examples("closed_book", ("question", "answers"))
    for said in ("We all love it.", "Go and see.", "I do not know.", "It is what it is."):
        assert [one.question for one in found if contains_alias(said, one.answers)] == []
    (bread,) = [one for one in found if "bread" in one.question and "grain" in one.question]
    assert contains_alias("It is made from wheat.", bread.answers)


def test_answers_on_passages_are_whole_and_fit_their_questions():
    found = examples("passages", ("context", "question", "answers"), each="questions")
    answers = {one.question: one.answers for one in found}
    assert answers["What were winners given?"] == ("a silver medal and an olive branch",)
    assert answers["What was the building before it became a cinema?"] == ("shoe shop",)
    assert all("Between which" not in one.question or " to " not in one.answers[0] for one in found)
    assert not [one.question for one in found if one.question.startswith("How many") and "single" in one.answers]


def test_the_right_choice_stands_in_every_place_equally_often():
    found = examples("multiple_choice", ("question", "choices", "answer"))
    assert len(found) >= 150
    assert {len(one.choices) for one in found} == {4}
    places = Counter(one.right for one in found)
    assert max(places.values()) - min(places.values()) <= 2
    # A model that prefers long or short answers must not get far by that.
    lengths = [[len(choice) for choice in one.choices] for one in found]
    for extreme in (max, min):
        share = sum(size[one.right[0]] == extreme(size) for one, size in zip(found, lengths, strict=True)) / len(found)
        assert share < 0.45
