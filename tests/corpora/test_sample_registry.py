"""The samples that come with the project."""

from __future__ import annotations

import pytest

from avss_core.corpora import SAMPLES, CorpusSpec, read_corpus, sample_set
from avss_core.corpora.registry import SAMPLES_FOLDER


def test_the_folder_and_the_registry_agree():
    assert sorted(sample.path for sample in SAMPLES) == sorted(SAMPLES_FOLDER.glob("*.jsonl"))
    assert SAMPLES_FOLDER.parts[-2:] == ("assets", "samples")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_says_what_it_is_and_has_text_on_either_side(sample):
    assert sample.what
    assert "Apache-2.0" in sample.licence
    assert sample_set(sample.name) is sample
    for part in ("profile", "evaluate"):
        corpus = read_corpus(CorpusSpec(sample.source, part=part))
        assert len(corpus.documents) >= 10
        assert (corpus.blank, corpus.duplicates) == (0, 0)
