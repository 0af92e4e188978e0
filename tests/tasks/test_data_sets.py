"""Known data sets: rows in the shape they have on the hub become examples; any file by a mapping."""

from __future__ import annotations

import json
from importlib import import_module

import pytest

from avss_core.corpora import ColumnMapping, CorpusSpec
from avss_core.errors import CorpusError
from avss_core.tasks import (
    DATA_SETS,
    TASKS,
    DataSet,
    data_sets_of,
    mapping_of,
    preview_task,
    read_task,
    spec_of,
    text_named,
)

SST2 = [{"idx": 0, "sentence": "a joy ", "label": 1}, {"idx": 1, "sentence": "a bore ", "label": 0}]
SQUAD = [
    {"id": "5", "title": "T", "context": "It was six.", "question": "What?"}
    | {"answers": {"text": ["six", "six"], "answer_start": [7, 7]}}
]
NQ = [{"question": "who", "answer": ["Ann", "Anna"]}]
TRIVIA = [{"question": "who", "answer": {"value": "Ann", "aliases": ["Ann", "Anna"], "normalized_value": "ann"}}]
SCIQ = [
    {"question": "which", "distractor3": "c", "distractor1": "a", "distractor2": "b", "correct_answer": "yes"}
    | {"support": ""}
]
TRUTHFUL = [
    {"question": "which", "mc1_targets": {"choices": ["yes", "a"], "labels": [1, 0]}}
    | {"mc2_targets": {"choices": ["yes", "a", "b"], "labels": [1, 0, 0]}}
]
WIKI = [
    {"question_id": "Q1", "question": "which", "document_title": "D", "answer": answer, "label": label}
    for answer, label in [("a", 0), ("yes", 1), ("b", 0)]
]
TEXT = [{"text": "Some text.", "meta": {"pile_set_name": "HackerNews"}}]
GENERATION = [{"question": "who", "best_answer": "Ann", "correct_answers": ["Ann", "Anna"], "incorrect_answers": ["b"]}]
ON_THE_HUB = {
    "sentiment:sst2": SST2,
    "qa:squad": SQUAD,
    "closed_book:nq_open": NQ,
    "closed_book:trivia_qa": TRIVIA,
    "closed_book:sciq": SCIQ,
    "closed_book:truthful_qa": GENERATION,
    "multiple_choice:sciq": SCIQ,
    "multiple_choice:truthful_qa": TRUTHFUL,
    "multiple_choice:wiki_qa": WIKI,
    "perplexity:pile": TEXT,
    "perplexity:hackernews": TEXT,
}


def named(known: DataSet) -> str:
    return f"{known.task}:{known.name}"


def test_names_are_unique_in_a_task_and_every_task_has_its_sample_first() -> None:
    assert len({named(known) for known in DATA_SETS}) == len(DATA_SETS)
    for task in TASKS.values():
        assert data_sets_of(task)[0].source == task.default_source
    assert {named(known) for known in DATA_SETS if not known.source.startswith("sample:")} == set(ON_THE_HUB)


@pytest.mark.parametrize("name", ON_THE_HUB)
def test_rows_of_the_hub_become_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = next(known for known in DATA_SETS if named(known) == name)
    task = TASKS[known.task]
    asked_for = []

    def rows(spec: CorpusSpec, *columns: str):
        asked_for.append((spec.source, spec.config, spec.split))
        assert all(set(columns) <= set(row) for row in ON_THE_HUB[name])
        return iter(ON_THE_HUB[name])

    for module in ("examples", "preview", "read"):
        monkeypatch.setattr(import_module(f"avss_core.corpora.{module}"), "rows", rows)
    spec = spec_of(task, known.name, part="all")
    assert spec == spec_of(task, known.source, part="all")
    assert spec.kind == "hub"
    shown = preview_task(task, spec)
    assert set(asked_for) == {(known.source, known.config, known.split)}
    if known.task == "perplexity":
        assert shown["text"].tolist() == ["Some text."]
        return
    expected = {"sentiment": "positive", "qa": "six", "closed_book": "Ann / Anna", "multiple_choice": "yes"}
    assert shown["right"][0] == ("yes" if known.name == "sciq" else expected[known.task])
    if known.name == "sst2":
        assert shown["prompt"][0] == "Review: a joy\nSentiment:"
        assert shown["right"].tolist() == ["positive", "negative"]
    if known.task == "multiple_choice":
        assert shown["wrong"][0] in ("a / b / c", "a", "a / b")


def test_the_mapping_of_the_spec_comes_before_that_of_the_registry() -> None:
    task = TASKS["qa"]
    assert mapping_of(task, spec_of(task, "squad")).answers == "answers.text"
    mine = ColumnMapping(answers="mine")
    assert mapping_of(task, spec_of(task, "squad", mapping=mine)) is mine
    assert mapping_of(task, CorpusSpec("anything.csv")) == ColumnMapping()
    # The same source, read by another task, is not what is known.
    assert mapping_of(TASKS["closed_book"], spec_of(TASKS["closed_book"], "rajpurkar/squad")) == ColumnMapping()


def test_what_is_evaluated_is_held_out_unless_said_otherwise() -> None:
    for name in ("squad", "somewhere/else", "sample:passages"):
        assert spec_of(TASKS["qa"], name).part == "evaluate"
    assert spec_of(TASKS["qa"], "squad", part="all", max_examples=5).max_examples == 5


@pytest.mark.parametrize("known", [each for each in DATA_SETS if each.task == "perplexity"], ids=lambda each: each.name)
def test_a_text_is_known_by_its_name_and_by_its_source(known: DataSet, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    assert text_named(known.name) == text_named(known.source) == CorpusSpec(known.source)
    held_out = text_named(known.name, part="evaluate", config=None, split=None, length=64, max_tokens=100)
    assert held_out == spec_of(TASKS["perplexity"], known.name, length=64, max_tokens=100)
    (tmp_path / known.name).mkdir()
    assert text_named(known.name) == CorpusSpec(known.name), "a folder comes first"
    (tmp_path / known.name).rmdir()
    (tmp_path / known.name).write_text("Some text.")
    assert text_named(known.name) == CorpusSpec(known.name), "a file comes first"


@pytest.mark.parametrize("named", ["sample:essays", "sample:none", "owner/name", "squad", "pile.txt", "./pile"])
def test_any_other_text_is_what_it_is_called(named: str) -> None:
    fields = {"column": "body", "config": "en", "split": "test", "length": 64, "max_tokens": 9}
    assert text_named(named, **fields) == CorpusSpec(named, **fields)
    assert text_named(named) == CorpusSpec(named)


def test_the_first_rows_of_a_text_are_shown_only_where_it_could_be_read(tmp_path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps({"body": f"Text {number}.", "stars": number}) + "\n" for number in range(9)))
    task = TASKS["perplexity"]
    assert preview_task(task, CorpusSpec(str(path), column="body"))["body"].tolist() == [f"Text {n}." for n in range(5)]
    with pytest.raises(CorpusError, match=r'no column "text" \(there are: body, stars\)'):
        preview_task(task, CorpusSpec(str(path)))
    with pytest.raises(CorpusError, match=r'"stars" .* does not hold text'):
        preview_task(task, CorpusSpec(str(path), column="stars"))


def test_a_local_file_by_its_columns(tmp_path) -> None:
    path = tmp_path / "fragen.csv"
    path.write_text('Frage,Wahl,Lösung\nWelche?,"[""eins"", ""zwei""]",zwei\n')
    task = TASKS["multiple_choice"]
    mapping = ColumnMapping.parse("question=Frage,choices=Wahl,answer=Lösung")
    (one,) = read_task(task, CorpusSpec(str(path), "all", mapping=mapping))
    assert (one.question, one.choices, one.right) == ("Welche?", ("eins", "zwei"), (1,))
    with pytest.raises(CorpusError, match=r'no column "question" \(there are: Frage, Wahl, Lösung\)'):
        preview_task(task, CorpusSpec(str(path), "all"))


def test_a_label_that_is_neither_is_said_with_what_to_do(tmp_path) -> None:
    path = tmp_path / "stars.jsonl"
    path.write_text(json.dumps({"text": "Fine.", "label": 4}))
    task = TASKS["sentiment"]
    with pytest.raises(CorpusError, match=r'label "4" is neither .*label\.4=positive'):
        preview_task(task, CorpusSpec(str(path), "all"))
    mapped = CorpusSpec(str(path), "all", mapping=ColumnMapping.parse("label.4=positive"))
    assert preview_task(task, mapped)["right"].tolist() == ["positive"]
