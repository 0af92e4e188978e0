"""From tables in many shapes to examples."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from avss_core.corpora import ColumnMapping, CorpusSpec, Example, part_of, read_corpus, read_examples
from avss_core.errors import CorpusError

CHOICE = ("question", "choices", "answer")
ONE_SENTENCE = re.compile(r"[^\n]+[.?]")


def put(folder: Path, *rows: dict) -> CorpusSpec:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return CorpusSpec(str(path), "all")


def read(spec: CorpusSpec, needs: tuple[str, ...], **columns) -> tuple[Example, ...]:
    return read_examples(spec, ColumnMapping(**columns), needs)


def test_texts_with_labels(tmp_path):
    spec = put(tmp_path, {"body": "Good.", "stars": 1, "n": 3}, {"body": "Bad.", "stars": 0})
    found = read(spec, ("text", "label"), text="body", label="stars", labels=(("0", "negative"),))
    assert [(one.text, one.label) for one in found] == [("Good.", "1"), ("Bad.", "negative")]
    assert [one.document for one in found] == [0, 1]


@pytest.mark.parametrize(
    "answers",
    [
        ["six", "six dots"],
        {"text": ["six", "six dots"], "answer_start": [3, 3]},
        [{"text": "six"}, {"text": "six dots"}, {"text": "six"}],
        '["six", "six dots"]',
    ],
)
def test_answers_in_the_shapes_that_data_sets_have(tmp_path, answers):
    (one,) = read(put(tmp_path, {"question": "q", "answers": answers}), ("question", "answers"))
    assert one.answers == ("six", "six dots")


@pytest.mark.parametrize(("answers", "expected"), [("six", ("six",)), (6, ("6",)), (["", "six"], ("six",))])
def test_one_answer_is_a_list_of_one(tmp_path, answers, expected):
    (one,) = read(put(tmp_path, {"question": "q", "answers": answers}), ("question", "answers"))
    assert one.answers == expected


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (2, (2,)),
        ("2", (2,)),
        ("C", (2,)),
        ("lead", (2,)),
        (" lead ", (2,)),
        ([0, 0, 1], (2,)),
        ([1, 0, 1], (0, 2)),
        (["lead", "other"], (2,)),
        ("[0, 1, 0]", (1,)),
        (1.0, (1,)),
    ],
)
def test_the_right_choice_by_number_letter_text_or_marks(tmp_path, answer, right):
    spec = put(tmp_path, {"question": "q", "choices": ["gold", "tin", "lead"], "answer": answer})
    assert [one.right for one in read(spec, CHOICE)] == [right]


@pytest.mark.parametrize(
    ("choices", "answer", "right"),
    [
        (["a", "", "b", "c"], 2, "b"),
        (["a", None, "b", "c"], "D", "c"),
        (["a", " ", "b", "c"], "1", None),  # a blank one is right, so there is nothing to ask
        (["a", "b", "a", "c"], 3, "c"),
        (["a", "b", "a", "c"], 2, "a"),
        (["a", "b", "a", "c"], [0, 0, 1, 0], "a"),
        (["a", "b", "b", "c"], [0, 0, 0, 1], "c"),
        (["", "b", "c"], "b", "b"),
        (["a", "b"], ["0", "1"], "b"),
        (["a", "b", ""], "[false, true, false]", "b"),
        (["0", "1", "2"], [0, 0, 1], "2"),
        (["0", "1", "2"], ["0", "0", "1"], "2"),
        (["0", "1", "2"], ["1"], "1"),
        (["0", "1"], ["0", "0"], "0"),  # one choice named twice, as a table with a row for each choice does
    ],
)
def test_the_right_choice_is_counted_before_blank_and_repeated_ones_go(tmp_path, choices, answer, right):
    row = {"question": "q", "choices": choices, "answer": answer}
    found = read(put(tmp_path, row, {"question": "r", "choices": ["a", "b"], "answer": 0}), CHOICE)
    told = {one.question: [one.choices[index] for index in one.right] for one in found}
    assert told == {"r": ["a"]} | ({"q": [right]} if right else {})
    assert all(len(set(one.choices)) == len(one.choices) and all(map(str.strip, one.choices)) for one in found)


@pytest.mark.parametrize(("letter", "right"), [("A", "one"), ("C", "three"), ("D", "four")])
def test_a_letter_counts_the_columns_of_choices_even_where_one_is_blank(tmp_path, letter, right):
    (tmp_path / "a.csv").write_text(f"question,A,B,C,D,answer\nq,one,,three,four,{letter}\n")
    (one,) = read(CorpusSpec(str(tmp_path / "a.csv"), "all"), CHOICE, choices=("A", "B", "C", "D"))
    assert one.choices == ("one", "three", "four")
    assert [one.choices[index] for index in one.right] == [right]


@pytest.mark.parametrize("answer", [None, "", [0, 0, 0], ["silver"]])
def test_a_question_without_a_right_choice_is_left_out(tmp_path, answer):
    row = {"question": "q", "choices": ["gold", "tin", "lead"], "answer": answer}
    found = read(put(tmp_path, row, {**row, "question": "r", "answer": 0}), CHOICE)
    assert [one.question for one in found] == ["r"]


def test_a_text_that_is_a_choice_is_that_choice_and_a_number_is_its_place(tmp_path):
    choices = ["2", "1", "0"]
    rows = [{"question": f"q{n}", "choices": choices, "answer": answer} for n, answer in enumerate(["2", 2])]
    assert [one.right for one in read(put(tmp_path, *rows), CHOICE)] == [(0,), (2,)]


@pytest.mark.parametrize("answer", [3, -1, "D", "silver", "é", True])
def test_an_answer_that_is_no_choice_is_said_with_its_row(tmp_path, answer):
    good = {"question": "a", "choices": ["gold", "tin", "lead"], "answer": 0}
    spec = put(tmp_path, good, {**good, "question": "b", "answer": answer})
    with pytest.raises(CorpusError, match=r'Column "answer" of .*rows\.jsonl, row 2, says .* none of the 3') as caught:
        read(spec, CHOICE)
    assert ONE_SENTENCE.fullmatch(str(caught.value))


def test_choices_in_several_columns_of_which_the_first_is_right(tmp_path):
    spec = put(tmp_path, {"question": "q", "correct": "yes", "d1": "no", "d2": "perhaps", "d3": ""})
    (one,) = read(spec, CHOICE, choices=("correct", "d1", "d2", "d3"), answer=None)
    assert (one.choices, one.right) == (("yes", "no", "perhaps"), (0,))
    # Without its right choice a question cannot be asked; the first of the others is not right.
    rows = [{"question": "r", "correct": "", "d1": "no", "d2": "perhaps"}, {"question": "s", "correct": "a", "d1": "b"}]
    found = read(put(tmp_path, *rows), CHOICE, choices=("correct", "d1", "d2"), answer=None)
    assert [one.question for one in found] == ["s"]
    rows = [{"question": "r", "choices": []}, {"question": "s", "choices": ["a", "b"]}]
    assert [one.question for one in read(put(tmp_path, *rows), CHOICE, answer=None)] == ["s"]


def test_nested_columns_by_dots(tmp_path):
    spec = put(tmp_path, {"question": "q", "mc": {"choices": ["a", "b"], "labels": [0, 1]}, "x.y": 1})
    (one,) = read(spec, CHOICE, choices="mc.choices", answer="mc.labels")
    assert (one.choices, one.right) == (("a", "b"), (1,))
    (one,) = read(spec, ("question",), question="x.y")  # a column of that very name comes first
    assert one.question == "1"


def test_each_of_a_list_of_questions_beside_their_passage(tmp_path):
    inner = [{"question": f"q{n}", "answers": ["a"]} for n in range(3)]
    spec = put(tmp_path, {"context": "One.", "questions": inner}, {"context": "Two.", "questions": inner[:1]})
    found = read(spec, ("context", "question", "answers"), each="questions")
    assert [(one.context, one.question, one.document) for one in found] == [
        ("One.", "q0", 0),
        ("One.", "q1", 0),
        ("One.", "q2", 0),
        ("Two.", "q0", 1),
    ]
    assert len({one.id for one in found}) == 4
    assert len({one.document_id for one in found}) == 2


def test_rows_of_a_group_are_the_choices_of_one_example(tmp_path):
    rows = [("Q1", "why", "because", 0), ("Q1", "why", "so", 1), ("Q1", "why", "no", 1), ("Q2", "who", "he", 0)]
    rows += [("Q2", "who", "she", 0), ("Q3", "when", "now", 1), ("Q3", "when", "then", 0)]
    spec = put(tmp_path, *(dict(zip(("id", "question", "answer", "label"), row, strict=True)) for row in rows))
    found = read(spec, CHOICE, choices="answer", answer="label", group="id")
    # Nobody answers Q2, so nothing can be right.
    assert [(one.question, one.choices, one.right) for one in found] == [
        ("why", ("because", "so", "no"), (1, 2)),
        ("when", ("now", "then"), (0,)),
    ]


@pytest.mark.parametrize(
    ("labels", "right"),
    [("0110", ["so", "no"]), (("false", "true", "false", "false"), ["so"]), (("False", "False", "True", ""), None)],
)
def test_rows_of_a_group_in_csv(tmp_path, labels, right):
    rows = "".join(f"Q1,why,{text},{label}\n" for text, label in zip(("because", "so", "no", "x"), labels, strict=True))
    (tmp_path / "a.csv").write_text(f"id,question,text,label\n{rows}Q2,when,now,1\nQ2,when,then,0\n")
    found = read(CorpusSpec(str(tmp_path / "a.csv"), "all"), CHOICE, choices="text", answer="label", group="id")
    told = {one.question: [one.choices[index] for index in one.right] for one in found}
    assert told == ({"why": right} if right else {}) | {"when": ["now"]}


def test_rows_of_a_group_in_csv_whose_choices_are_numbers(tmp_path):
    rows = "Q1,how many,0,0\nQ1,how many,1,0\nQ1,how many,2,1\nQ2,which,5,0\nQ2,which,1,1\n"
    (tmp_path / "a.csv").write_text(f"id,question,text,label\n{rows}")
    found = read(CorpusSpec(str(tmp_path / "a.csv"), "all"), CHOICE, choices="text", answer="label", group="id")
    assert [(one.choices, one.right) for one in found] == [(("0", "1", "2"), (2,)), (("5", "1"), (1,))]


def test_a_repeated_choice_of_a_group_counts_as_right_if_it_is_once(tmp_path):
    rows = [("because", 0), ("so", 0), ("because", 1)]
    spec = put(tmp_path, *({"id": 1, "question": "why", "choices": text, "answer": mark} for text, mark in rows))
    (one,) = read(spec, CHOICE, group="id")
    assert (one.choices, one.right) == (("because", "so"), (0,))


def test_cells_of_csv_stay_as_they_are_written(tmp_path):
    frame = pd.DataFrame({"question": ["1.50", "007"], "answers": ['["1912", "1,912"]', "1.10"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    found = read(CorpusSpec(str(tmp_path / "a.csv"), "all"), ("question", "answers"))
    assert [(one.question, one.answers) for one in found] == [("1.50", ("1912", "1,912")), ("007", ("1.10",))]


def test_parquet_with_lists(tmp_path):
    frame = pd.DataFrame({"question": ["q"], "choices": [["a", "b"]], "answer": [1], "other": [[1.0]]})
    frame.to_parquet(tmp_path / "a.parquet")
    (one,) = read(CorpusSpec(str(tmp_path / "a.parquet"), "all"), CHOICE)
    assert (one.choices, one.right) == (("a", "b"), (1,))


def test_examples_go_where_their_text_would_go_if_it_were_profiled(tmp_path):
    rows = [{"context": f"Passage {n}.", "question": f"q{q}", "answers": ["a"]} for n in range(60) for q in range(2)]
    spec = put(tmp_path, *rows)
    parts = {}
    for part in ("profile", "evaluate"):
        found = read(spec.of_part(part), ("context", "question", "answers"))
        parts[part] = {one.context for one in found}
        documents = read_corpus(CorpusSpec(spec.source, part, column="context")).documents
        assert {document.id for document in documents} == {one.document_id for one in found}
        assert all(part_of(one.document_id) == part for one in found)
        assert sorted({one.document for one in found}) == list(range(len(parts[part])))
    assert not parts["profile"] & parts["evaluate"]
    assert len(parts["profile"] | parts["evaluate"]) == 60


def test_the_same_example_counts_once_and_a_limit_is_kept(tmp_path):
    rows = [{"question": f"q{n % 7}", "answers": ["a"]} for n in range(30)]
    spec = put(tmp_path, *rows)
    assert [one.question for one in read(spec, ("question", "answers"))] == [f"q{n}" for n in range(7)]
    limited = CorpusSpec(spec.source, "all", max_examples=3)
    assert [one.question for one in read(limited, ("question", "answers"))] == ["q0", "q1", "q2"]


def test_rows_with_something_blank_are_left_out(tmp_path):
    rows = [{"question": "a", "answers": ["x"]}, {"question": " ", "answers": ["x"]}, {"question": "b", "answers": []}]
    found = read(put(tmp_path, *rows, {"question": "c"}, {"question": None, "answers": "x"}), ("question", "answers"))
    assert [one.question for one in found] == ["a"]


@pytest.mark.parametrize("rows", [3, 2000])
def test_a_missing_column_is_named_with_those_there_are(tmp_path, rows):
    spec = put(tmp_path, *[{"question": "q", "Answers": ["a"], "n": 1}] * rows)
    with pytest.raises(CorpusError) as caught:
        read(spec, ("question", "answers"))
    said = str(caught.value)
    assert 'no column "answers" (there are: question, Answers, n); did you mean "Answers"?' in said
    assert ONE_SENTENCE.fullmatch(said)
    with pytest.raises(CorpusError, match=r'no column "mc\.choices" \(there are: question'):
        read(spec, CHOICE, choices="mc.choices")


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ({"group": "quid"}, "quid"),
        ({"group": "qid", "choices": "texts"}, "texts"),
        ({"group": "qid", "answer": "answr"}, "answr"),
        ({"each": "question_list"}, "question_list"),
    ],
)
@pytest.mark.parametrize("rows", [2, 2000])
def test_a_missing_column_is_named_before_rows_are_joined_or_taken_apart(tmp_path, columns, missing, rows):
    table = [{"qid": n // 2, "question": "q", "choices": f"c{n}", "answer": n % 2} for n in range(rows)]
    with pytest.raises(CorpusError) as caught:
        read(put(tmp_path, *table), CHOICE, **columns)
    assert f'no column "{missing}" (there are: qid, question, choices, answer)' in str(caught.value)
    assert ONE_SENTENCE.fullmatch(str(caught.value))


def test_a_column_missing_inside_each_row_is_named(tmp_path):
    spec = put(tmp_path, {"context": "One.", "asked": [{"question": "q", "answer": "a"}]})
    with pytest.raises(CorpusError, match=r'no column "answers" \(there are: context, asked, question, answer\)'):
        read(spec, ("context", "question", "answers"), each="asked")


def test_a_group_is_not_missed_by_a_task_without_choices(tmp_path):
    spec = put(tmp_path, {"question": "q", "answers": "a"})
    assert len(read(spec, ("question", "answers"), group="qid")) == 1


def test_a_column_may_come_late(tmp_path):
    rows = [{"question": f"q{n}"} for n in range(5)]
    found = read(put(tmp_path, *rows, {"question": "last", "answers": "a"}), ("question", "answers"))
    assert [one.question for one in found] == ["last"]


def test_a_cell_of_the_wrong_kind_is_said_with_its_row(tmp_path):
    spec = put(tmp_path, {"question": "a", "answers": "x"}, {"question": ["b"], "answers": "x"})
    with pytest.raises(CorpusError, match=r'Column "question" of .*, row 2, does not hold text but a list'):
        read(spec, ("question", "answers"))


def test_a_source_without_examples_says_so(tmp_path):
    with pytest.raises(CorpusError, match="no row with all of question, answers"):
        read(put(tmp_path), ("question", "answers"))
    spec = put(tmp_path, {"question": "a", "answers": "x"})
    empty_part = next(p for p in ("profile", "evaluate") if p != part_of(read(spec, ("question",))[0].document_id))
    with pytest.raises(CorpusError, match=r"has 1 example, none in the part .*--all-documents"):
        read(spec.of_part(empty_part), ("question", "answers"))


def test_half_a_surrogate_pair_is_said(tmp_path):
    with pytest.raises(CorpusError, match="half of a surrogate pair"):
        read(put(tmp_path, {"question": "a \ud800", "answers": "x"}), ("question", "answers"))
