"""Every kind of file, written here and read back."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from avss_core.corpora import CorpusSpec, read_corpus

TEXTS = ["Plain.", 'With "quotes", commas; and\ttabs.', "Two\nlines.", "Grüße, 世界 🙂", "007", "NA"]


def texts_of(path: Path, **fields) -> list[str]:
    return [document.text for document in read_corpus(CorpusSpec(str(path), part="all", **fields)).documents]


def write_json_lines(path: Path) -> None:
    path.write_text("".join(json.dumps({"n": n, "text": text}) + "\n" for n, text in enumerate(TEXTS)))


def write_json(path: Path) -> None:
    path.write_text(json.dumps([{"n": n, "text": text} for n, text in enumerate(TEXTS)], indent=2))


def write_separated(separator: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=separator).writerows([["n", "text"], *enumerate(TEXTS)])

    return write


def write_parquet(path: Path) -> None:
    pd.DataFrame({"n": range(len(TEXTS)), "text": TEXTS, "vector": [[0.5, 1.5]] * len(TEXTS)}).to_parquet(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", write_json_lines),
        ("a.ndjson", write_json_lines),
        ("lines.json", write_json_lines),
        ("a.json", write_json),
        ("a.csv", write_separated(",")),
        ("a.tsv", write_separated("\t")),
        ("a.parquet", write_parquet),
        ("UPPER [1] *#%20é.CSV", write_separated(",")),
    ],
)
def test_a_table_gives_its_texts_back(tmp_path, name, write):
    write(tmp_path / name)
    corpus = read_corpus(CorpusSpec(str(tmp_path / name), part="all"))
    assert [document.text for document in corpus.documents] == TEXTS
    assert [document.id for document in corpus.documents] == [
        hashlib.sha256(text.encode()).hexdigest()[:16] for text in TEXTS
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "abc"),
        ("a.md", "abc"),
        ("a.jsonl", '{"text": "abc"}\r\n'),
        ("a.json", '[{"text": "abc"}]'),
        ("a.csv", "text,n\r\nabc,1\r\n"),
    ],
)
def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path, name, content, encoding):
    (tmp_path / name).write_bytes(content.encode(encoding))
    assert texts_of(tmp_path / name) == ["abc"]


@pytest.mark.parametrize(
    "content",
    [{"data": [{"text": "a"}, {"text": "b"}], "version": 1}, ["a", "b"], [{"text": "a"}, {"text": "b", "late": {}}]],
)
def test_json_lists_in_their_usual_shapes(tmp_path, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert texts_of(tmp_path / "a.json") == ["a", "b"]


def test_one_json_object_without_a_list_is_one_row(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"text": "a", "title": "b"}, indent=2))
    assert texts_of(tmp_path / "a.json") == ["a"]


def test_json_fields_may_change_their_type_come_late_or_look_like_dates(tmp_path):
    rows = [{"text": "2024-01-01", "t": 1}, {"text": "2024-01-02", "t": "x"}, {"text": "2024-01-03", "new": {"a": [1]}}]
    (tmp_path / "a.jsonl").write_text("\n\n".join(map(json.dumps, rows)))
    assert texts_of(tmp_path / "a.jsonl") == ["2024-01-01", "2024-01-02", "2024-01-03"]


def test_two_blank_lines_separate_the_documents_of_a_text_file(tmp_path):
    (tmp_path / "a.txt").write_text("\n\n\nOne.\n\nStill one.\n\n\nTwo.\n \t\n\n\n\n  Three.\n")
    assert texts_of(tmp_path / "a.txt") == ["One.\n\nStill one.", "Two.", "  Three."]


def test_markdown_stays_whole(tmp_path):
    (tmp_path / "a.md").write_text("# Title\n\n\n    code\n\n\n\n    more\n")
    assert texts_of(tmp_path / "a.md") == ["# Title\n\n\n    code\n\n\n\n    more"]


def test_each_text_file_of_a_folder_is_one_document(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("B\n\n\n\nstill B")
    (tmp_path / "a.md").write_text("A")
    (tmp_path / "sub" / "c.txt").write_text("C")
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert texts_of(tmp_path) == ["A", "B\n\n\n\nstill B", "C"]


def test_the_tables_of_a_folder_follow_each_other_without_their_readme(tmp_path):
    (tmp_path / "README.md").write_text("About the data.")
    (tmp_path / "2.csv").write_text("text\nlast\n")
    (tmp_path / "1.csv").write_text("n,text\n1,first\n")
    assert texts_of(tmp_path) == ["first", "last"]


def test_the_column_is_chosen_by_name(tmp_path):
    (tmp_path / "a.csv").write_text("text,body,n\nno,yes,1\nno,12,2\n")
    assert texts_of(tmp_path / "a.csv", column="body") == ["yes", "12"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_blank_rows_are_dropped_and_counted(tmp_path, name):
    frame = pd.DataFrame({"text": ["one", None, "", " \n ", "two", "one"], "n": range(6)})
    path = tmp_path / name
    match path.suffix:
        case ".jsonl":
            frame.to_json(path, orient="records", lines=True)
        case ".csv":
            frame.to_csv(path, index=False)
        case _:
            frame.to_parquet(path)
    corpus = read_corpus(CorpusSpec(str(path), part="all"))
    assert [document.text for document in corpus.documents] == ["one", "two"]
    assert (corpus.blank, corpus.duplicates) == (3, 1)


def test_a_row_of_json_may_lack_the_field(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n{"text": "a"}\n{"n": 2}\n')
    corpus = read_corpus(CorpusSpec(str(tmp_path / "a.jsonl"), part="all"))
    assert ([document.text for document in corpus.documents], corpus.blank) == (["a"], 2)


def test_a_small_budget_does_not_read_a_file_to_its_end(tmp_path):
    line = json.dumps({"text": "word " * 20})
    lines = [line.replace("word", f"word{number}") for number in range(500)]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, "broken"]))
    corpus = read_corpus(CorpusSpec(str(tmp_path / "a.jsonl"), max_tokens=100))
    assert sum(len(document.text) for document in corpus.documents) >= 100 * 16
    assert len(corpus.documents) < 60


def test_nothing_is_left_behind_on_disk(tmp_path, monkeypatch):
    scratch, library_cache = tmp_path / "scratch", tmp_path / "cache"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", library_cache)
    write_separated(",")(tmp_path / "a.csv")
    assert texts_of(tmp_path / "a.csv") == TEXTS
    assert not list(scratch.iterdir())
    assert not library_cache.exists()
