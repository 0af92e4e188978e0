"""Profile on one half, evaluate on the other: disjoint, stable, about equal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from avss_core.corpora import CorpusSpec, part_of, read_corpus


def write(folder: Path, texts: list[str]) -> CorpusSpec:
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return CorpusSpec(str(path))


def test_parts_are_disjoint_complete_in_order_and_of_about_equal_size(tmp_path):
    texts = [f"Text number {number}." for number in range(2000)]
    spec = write(tmp_path, texts)
    profiled, evaluated = (
        [document.text for document in read_corpus(spec.of_part(part)).documents] for part in ("profile", "evaluate")
    )
    assert not set(profiled) & set(evaluated)
    assert sorted(profiled + evaluated, key=texts.index) == texts
    assert profiled == sorted(profiled, key=texts.index)
    assert evaluated == sorted(evaluated, key=texts.index)
    assert 900 < len(profiled) < 1100  # 4.5 standard deviations of a fair coin on either side
    assert [document.text for document in read_corpus(spec.of_part("all")).documents] == texts


def test_a_document_stays_on_its_side_in_any_company(tmp_path):
    texts = [f"Text number {number}." for number in range(60)]
    side = {text: part_of(hashlib.sha256(text.encode()).hexdigest()[:16]) for text in texts}
    shuffled = write(tmp_path, [*reversed(texts[:40]), "Something else."])
    documents = read_corpus(shuffled.of_part("evaluate")).documents
    assert {document.text for document in documents} - {"Something else."} == {
        text for text in texts[:40] if side[text] == "evaluate"
    }


@given(text=st.text())
def test_the_last_bit_of_the_hash_decides(text):
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    assert part_of(digest.hex()[:16]) == ("evaluate" if digest[7] & 1 else "profile")


def test_no_text_is_on_both_sides_or_twice_on_one(tmp_path):
    texts = ["one", "two", "one", "three", "two", "one", *(f"more {number}" for number in range(20))]
    spec = write(tmp_path, texts)
    corpora = [read_corpus(spec.of_part(part)) for part in ("profile", "evaluate")]
    both = [document.text for corpus in corpora for document in corpus.documents]
    assert sorted(both) == sorted(set(texts))
    assert [corpus.duplicates for corpus in corpora] == [3, 3]
