"""Disjoint subsets of a corpus: what a measurement is repeated on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from avss_core.corpora import ColumnMapping, CorpusSpec, read_corpus, read_examples
from avss_core.errors import CorpusError

TEXTS = [f"document number {number}" for number in range(60)]


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "texts.txt").write_text("\n\n\n".join(TEXTS))
    return str(tmp_path / "texts.txt")


def test_subsets_split_a_part_by_the_hash_of_each_text(source: str) -> None:
    found = [
        [document.text for document in read_corpus(CorpusSpec(source, subset=(index, 3))).documents]
        for index in range(3)
    ]
    digits = {text: int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) for text in TEXTS}
    expected = [
        [text for text in TEXTS if digits[text] % 2 == 0 and digits[text] // 2 % 3 == index] for index in range(3)
    ]
    assert found == expected
    assert all(found)
    together = [text for subset in found for text in subset]
    assert sorted(together) == sorted(document.text for document in read_corpus(CorpusSpec(source)).documents)


def test_examples_go_to_the_subset_of_their_text() -> None:
    mapping, needs = ColumnMapping(), ("text", "label")
    texts = {d.text for d in read_corpus(CorpusSpec("sample:sentiment", subset=(1, 4))).documents}
    examples = read_examples(CorpusSpec("sample:sentiment", subset=(1, 4)), mapping, needs)
    assert {example.text for example in examples} == texts
    assert 0 < len(texts) < len(read_examples(CorpusSpec("sample:sentiment"), mapping, needs)) / 2


def test_a_subset_without_documents_says_so(tmp_path: Path) -> None:
    file = tmp_path / "one.txt"
    file.write_text("document number 0")
    its_subset = int(hashlib.sha256(b"document number 0").hexdigest()[:16], 16) // 2 % 9
    assert len(read_corpus(CorpusSpec(str(file), "all", subset=(its_subset, 9))).documents) == 1
    with pytest.raises(CorpusError, match=r"subset \d of 9; give more documents, or ask for fewer subsets"):
        read_corpus(CorpusSpec(str(file), "all", subset=((its_subset + 1) % 9, 9)))


def test_specs_of_before_keep_their_identity() -> None:
    assert CorpusSpec("org/name", subset=None).identity() == "9d854cb7a594d444"
    assert CorpusSpec("org/name", subset=(0, 2)).identity() != CorpusSpec("org/name").identity()
