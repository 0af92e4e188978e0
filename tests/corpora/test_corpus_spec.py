"""Specifications: what a source is taken for, and when two are the same."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace

import pytest

from avss_core.corpora import ColumnMapping, CorpusSpec
from avss_core.errors import CorpusError, SettingError


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("sample:essays", "sample"),
        ("here.txt", "file"),
        ("folder", "folder"),
        ("missing.jsonl", "file"),
        ("./missing", "file"),
        ("/missing/file", "file"),
        ("a/b/c", "file"),
        ("C:\\texts\\a", "file"),
        ("wikitext", "hub"),
        ("Salesforce/wikitext", "hub"),
        ("org/data-set_v1.5", "hub"),
    ],
)
def test_what_a_source_is_taken_for(tmp_path, monkeypatch, source, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.txt").write_text("a")
    (tmp_path / "folder").mkdir()
    assert CorpusSpec(source).kind == kind


def test_what_exists_here_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wikitext").mkdir()
    assert CorpusSpec("wikitext").kind == "folder"


@pytest.mark.parametrize(
    "wrong",
    [{"part": "train"}, {"length": 0}, {"max_tokens": 0}, {"max_tokens": -5}, {"max_examples": 0}, {"subset": (5, 5)}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError, match=str(next(iter(wrong.values())))):
        CorpusSpec(**wrong)


def test_an_empty_source_is_refused():
    with pytest.raises(CorpusError, match="No text was named"):
        CorpusSpec("  ")


def test_a_spec_survives_json():
    spec = CorpusSpec("org/name", "all", "body", "en", "test", 128, 1000, ColumnMapping(choices=("a", "b")), 10, (1, 5))
    assert CorpusSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.of_part("evaluate") == replace(spec, part="evaluate")


def test_what_came_later_is_left_out_where_there_is_none():
    fields_of_text = set(CorpusSpec("org/name").to_dict())
    later = {"mapping", "max_examples", "subset"}
    assert later.isdisjoint(fields_of_text)
    whole = {field.name for field in fields(CorpusSpec)}
    assert fields_of_text == whole - later
    assert CorpusSpec.from_dict({**CorpusSpec("a/b").to_dict(), "mapping": None}) == CorpusSpec("a/b")


def test_a_sample_knows_which_of_its_columns_is_text():
    assert CorpusSpec("sample:passages").text_column == "context"
    assert CorpusSpec("sample:passages", column="title").text_column == "title"
    assert CorpusSpec("org/name").text_column == "text"


def test_every_field_counts_for_the_identity():
    spec = CorpusSpec("org/name")
    other = CorpusSpec("org/other", "all", "body", "en", "test", 128, 1000, ColumnMapping(), 10, (0, 5))
    changed = {replace(spec, **{field.name: getattr(other, field.name)}).identity() for field in fields(CorpusSpec)}
    assert len(changed | {spec.identity()}) == len(fields(CorpusSpec)) + 1
    assert CorpusSpec("org/name").identity() == spec.identity()


def test_a_changed_file_is_another_corpus_and_an_untouched_one_is_not(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    first = CorpusSpec(str(path)).identity()
    monkeypatch.chdir(tmp_path)
    assert CorpusSpec("./a.txt").identity() == first
    path.write_text("two")
    os.utime(path, ns=(1, 2))
    assert CorpusSpec(str(path)).identity() != first


def test_a_new_file_makes_a_folder_another_corpus(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    first = CorpusSpec(str(tmp_path)).identity()
    (tmp_path / "b.txt").write_text("two")
    assert CorpusSpec(str(tmp_path)).identity() != first


def test_a_missing_file_has_no_identity():
    with pytest.raises(CorpusError, match="There is no file"):
        CorpusSpec("missing.txt").identity()


def test_a_sample_is_known_by_its_content_wherever_it_lies(tmp_path, monkeypatch):
    identities = []
    for folder, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "essays.jsonl").write_text(json.dumps({"text": text}))
        monkeypatch.setattr("avss_core.corpora.registry.SAMPLES_FOLDER", tmp_path / folder)
        identities.append(CorpusSpec().identity())
    assert identities[0] == identities[1] != identities[2]
