"""Everything that can be wrong with a text, each in one clear sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from avss_core.corpora import CorpusSpec, preview, read_corpus
from avss_core.errors import CorpusError

ONE_SENTENCE = re.compile(r"[^\n]+[.?]")


def sentence(path: Path | str, **fields) -> str:
    with pytest.raises(CorpusError) as caught:
        read_corpus(CorpusSpec(str(path), **{"part": "all"} | fields))
    assert ONE_SENTENCE.fullmatch(str(caught.value))
    return str(caught.value)


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_missing_file_is_named_with_its_nearest_neighbour(tmp_path):
    put(tmp_path / "letters.txt", "a")
    said = sentence(tmp_path / "leters.txt")
    assert str(tmp_path / "leters.txt") in said
    assert 'did you mean "letters.txt"?' in said
    assert "There is no file or folder" in sentence("./nowhere/at/all.csv")


def test_an_unknown_ending_is_named_with_the_known_ones(tmp_path):
    said = sentence(put(tmp_path / "a.docx", "a"))
    assert ".docx" in said
    assert ".parquet" in said
    assert "no ending" in sentence(put(tmp_path / "letters", "a"))


def test_an_unknown_sample_is_named_with_the_known_ones():
    said = sentence("sample:esays")
    assert '"esays"' in said
    assert 'did you mean "essays"?' in said


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.jsonl", "a.json", "a.csv", "a.tsv"])
@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_called_empty_or_blank(tmp_path, name, content):
    said = sentence(put(tmp_path / name, content))
    assert name in said
    assert re.search(r"is empty|blank|No columns", said)


def test_a_table_of_a_header_alone_is_empty(tmp_path):
    assert "is empty" in sentence(put(tmp_path / "a.csv", "text,n\n"))
    pd.DataFrame({"text": pd.Series([], dtype=str)}).to_parquet(tmp_path / "a.parquet")
    assert "is empty" in sentence(tmp_path / "a.parquet")


def test_a_column_of_blanks_is_counted(tmp_path):
    said = sentence(put(tmp_path / "a.jsonl", '{"text": null}\n{"text": " "}\n'))
    assert "all of its 2 rows are blank" in said


@pytest.mark.parametrize("part", ["profile", "evaluate"])
def test_a_part_without_documents_says_why_and_what_to_do(tmp_path, part):
    said = set()
    for text in map(str, range(20)):  # about half of them fall on the other side
        spec = CorpusSpec(str(put(tmp_path / f"{text}.txt", text)), part=part)
        try:
            read_corpus(spec)
        except CorpusError as error:
            said.add(str(error).removeprefix(spec.source))
    (said_once,) = said
    assert "only 1 document" in said_once
    assert ("profiled" if part == "profile" else "evaluated") in said_once
    assert "split by document" in said_once
    assert "two blank lines" in said_once
    assert "--all-documents" in said_once


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_missing_column_is_named_with_those_there_are(tmp_path, name):
    frame = pd.DataFrame({"Texts": ["a", "b"], "label": [0, 1]})
    path = tmp_path / name
    if name == "a.csv":
        frame.to_csv(path, index=False)
    elif name == "a.jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    said = sentence(path)
    assert 'no column "text"' in said
    assert "there are: Texts, label" in said
    assert 'did you mean "Texts"?' in said
    assert "did you mean" not in sentence(path, column="zzz")


def test_a_missing_json_field_is_found_out_before_the_end_of_a_long_file(tmp_path):
    assert 'no column "text"' in sentence(put(tmp_path / "a.jsonl", '{"body": "x"}\n' * 2000 + "broken"))


def test_a_column_of_numbers_is_not_text(tmp_path):
    pd.DataFrame({"text": [1.5, 2.5]}).to_parquet(tmp_path / "a.parquet")
    said = sentence(tmp_path / "a.parquet")
    assert "does not hold text: row 1 has a float" in said
    assert "row 2 has a list" in sentence(put(tmp_path / "a.jsonl", '{"text": "a"}\n{"text": ["b"]}\n'))


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.jsonl", "a.json", "a.csv", "a.tsv"])
@pytest.mark.parametrize("before", [0, 3, 5000, (1 << 20) - 1, 1 << 20, (1 << 21) + 5])
def test_the_first_byte_that_is_not_utf8_is_located(tmp_path, name, before):
    said = sentence(put(tmp_path / name, b"a" * before + "é".encode("latin-1") + b" more"))
    assert f"offset {before} " in said
    assert "UTF-8" in said


def test_a_character_across_two_pieces_is_no_mistake_and_a_cut_one_is(tmp_path):
    text = "a" * ((1 << 20) - 1) + "é"
    corpus = read_corpus(CorpusSpec(str(put(tmp_path / "a.txt", text)), part="all"))
    assert corpus.documents[0].text == text
    assert f"offset {(1 << 20) - 1} " in sentence(put(tmp_path / "b.txt", text.encode()[:-1]))
    assert f"offset {(1 << 20) - 1} " in sentence(put(tmp_path / "c.txt", text.encode()[:-1] + b"a"))


def test_a_malformed_json_line_is_located(tmp_path):
    lines = '{"text": "a"}\n\n{"text": "b"}\n{"text": oops}\n{"text": "c"}\n'
    assert "Line 4 of" in sentence(put(tmp_path / "a.jsonl", lines))
    assert "Line 4 of" in sentence(put(tmp_path / "a.json", lines))
    assert "Line 2 of" in sentence(put(tmp_path / "cut.jsonl", '{"text": "a"}\n{"text": "b'))
    assert "Line 2 of" in sentence(put(tmp_path / "cut.json", '[{"text": "a"},\n {"text": "b'))


def test_json_without_named_fields_is_said(tmp_path):
    assert "Line 2 of" in sentence(put(tmp_path / "a.jsonl", '{"text": "a"}\n[1, 2]\n'))
    assert "Element 2 of" in sentence(put(tmp_path / "a.json", '[{"text": "a"}, 3]'))
    assert "holds one int" in sentence(put(tmp_path / "b.json", "3"))


def test_half_a_surrogate_pair_is_said(tmp_path):
    said = sentence(put(tmp_path / "a.jsonl", '{"text": "fine"}\n{"text": "a \\ud800 b"}\n'))
    assert "Row 2" in said
    assert "character 2" in said


def test_damaged_tables_are_said(tmp_path):
    assert "line 3" in sentence(put(tmp_path / "a.csv", "text,n\na,1\nb,2,3\n"))
    assert "cannot be read as PARQUET" in sentence(put(tmp_path / "a.parquet", "not a table at all"))
    pd.DataFrame({"text": ["a long enough text"] * 100}).to_parquet(tmp_path / "whole.parquet")
    cut = (tmp_path / "whole.parquet").read_bytes()[:-20]
    assert "cannot be read as PARQUET" in sentence(put(tmp_path / "cut.parquet", cut))


def test_unquoted_commas_are_not_taken_for_an_index(tmp_path):
    assert "in quotes" in sentence(put(tmp_path / "a.csv", "text\nHello, world\nGood, bye\n"))


def test_a_name_that_datasets_would_take_for_an_archive_is_said(tmp_path):
    assert "rename" in sentence(put(tmp_path / "a::b.csv", "text\na\n"))


def test_a_folder_must_hold_one_kind_of_readable_file(tmp_path):
    assert "no file that can be read" in sentence(tmp_path)
    put(tmp_path / "a.csv", "text\na\n")
    put(tmp_path / "b.txt", "b")
    assert "mixes csv and text" in sentence(tmp_path)


def test_a_file_that_may_not_be_opened_is_said(tmp_path, monkeypatch):
    path = put(tmp_path / "a.txt", "a")

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be opened: Permission denied" in sentence(path)


def test_an_empty_source_has_no_preview(tmp_path):
    with pytest.raises(CorpusError, match="no row to show"):
        preview(CorpusSpec(str(put(tmp_path / "a.csv", "text\n"))))
