"""Which column means what: written down, parsed, kept as JSON."""

from __future__ import annotations

import json

import pytest

from avss_core.corpora import ColumnMapping
from avss_core.errors import SettingError


def test_columns_are_called_what_they_mean_unless_said_otherwise():
    mapping = ColumnMapping(question="Frage", choices=("a", "b"), answer=None)
    assert mapping.columns_of("context") == ("context",)
    assert mapping.columns_of("question") == ("Frage",)
    assert mapping.columns_of("choices") == ("a", "b")
    assert mapping.columns_of("answer") == ()


def test_a_mapping_is_read_from_one_line():
    parsed = ColumnMapping.parse("question=Frage, choices=a | b|c,answer=,label.0=negative, label.x y=positive")
    assert parsed == ColumnMapping(
        question="Frage", choices=("a", "b", "c"), answer=None, labels=(("0", "negative"), ("x y", "positive"))
    )
    assert ColumnMapping.parse("choices=options, group=id") == ColumnMapping(choices="options", group="id")
    assert ColumnMapping.parse(" ") == ColumnMapping()


@pytest.mark.parametrize("text", ["question", "question=", "each=,"])
def test_half_a_mapping_is_refused(text):
    with pytest.raises(SettingError, match=r"meaning=column.* does not\."):
        ColumnMapping.parse(text)


def test_an_unknown_meaning_is_named_with_those_there_are():
    with pytest.raises(SettingError, match=r'cannot mean "qestion"; did you mean "question"\?.*there are text, label'):
        ColumnMapping.parse("qestion=a")
    with pytest.raises(SettingError, match='cannot mean "colour"'):
        ColumnMapping.from_dict({"colour": "a"})


@pytest.mark.parametrize(
    "mapping",
    [
        ColumnMapping(),
        ColumnMapping(choices=("a", "b"), answer=None, labels=(("0", "negative"),)),
        ColumnMapping(each="questions", group="id"),
    ],
)
def test_a_mapping_survives_json(mapping):
    again = ColumnMapping.from_dict(json.loads(json.dumps(mapping.to_dict())))
    assert again == mapping
    assert hash(again) == hash(mapping)
