"""The first rows of a source, with every column to choose from."""

from __future__ import annotations

import json

import pandas as pd

from avss_core.corpora import CorpusSpec, preview


def test_all_columns_of_the_first_rows_are_shown_even_without_the_text_column(tmp_path):
    frame = pd.DataFrame({"body": [f"text {n}" for n in range(9)], "label": range(9)})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        pd.testing.assert_frame_equal(preview(CorpusSpec(str(tmp_path / name)), 3), frame.head(3))
    assert len(preview(CorpusSpec(str(tmp_path / "a.csv")))) == 5


def test_only_the_first_lines_are_read_and_long_texts_are_cut(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "x" * 600, "n": 1}) + "\nbroken")
    shown = preview(CorpusSpec(str(tmp_path / "a.jsonl")), 1)
    assert shown.to_dict("records") == [{"text": "x" * 500 + "…", "n": 1}]


def test_text_files_show_where_each_document_comes_from(tmp_path):
    (tmp_path / "a.txt").write_text("A")
    (tmp_path / "b.txt").write_text("B")
    assert preview(CorpusSpec(str(tmp_path))).to_dict("list") == {"text": ["A", "B"], "file": ["a.txt", "b.txt"]}
