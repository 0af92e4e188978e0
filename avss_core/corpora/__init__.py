"""Which text: from a sample, a file, a folder or the hub to windows of tokens (nothing here imports torch)."""

from __future__ import annotations

from avss_core.corpora.examples import Example, read_examples
from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.preview import preview
from avss_core.corpora.read import Corpus, Document, read_corpus
from avss_core.corpora.registry import SAMPLES, SampleSet, sample_set
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.split import part_of
from avss_core.corpora.windows import Window, make_windows, shard_windows

__all__ = [
    "SAMPLES",
    "ColumnMapping",
    "Corpus",
    "CorpusSpec",
    "Document",
    "Example",
    "SampleSet",
    "Window",
    "make_windows",
    "part_of",
    "preview",
    "read_corpus",
    "read_examples",
    "sample_set",
    "shard_windows",
]
