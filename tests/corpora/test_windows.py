"""Windows and shards: every token once, in order, within the budget."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avss_core.corpora import Corpus, CorpusSpec, Document, Window, make_windows, shard_windows
from avss_core.errors import CorpusError, SettingError

WORDS = st.lists(st.sampled_from([f"w{number}" for number in range(20)]), min_size=0, max_size=40)
DOCUMENTS = st.lists(WORDS, min_size=1, max_size=8).filter(any)


def corpus_of(documents: list[list[str]], length: int, max_tokens: int | None = None) -> Corpus:
    spec = CorpusSpec(length=length, max_tokens=max_tokens)
    return Corpus(spec, tuple(Document(str(index), " ".join(words)) for index, words in enumerate(documents)))


@given(documents=DOCUMENTS, length=st.integers(1, 50))
def test_windows_of_a_document_put_together_are_its_tokens(documents, length, plain_tokenizer, vocabulary):
    windows = make_windows(corpus_of(documents, length), plain_tokenizer)
    for index, words in enumerate(documents):
        own = [window for window in windows if window.document == index]
        assert [token for window in own for token in window.ids] == [vocabulary[word] for word in words]
        assert [window.start for window in own] == list(range(0, len(words), length))
        assert all(len(window) == length for window in own[:-1])
    assert all(0 < len(window) <= length for window in windows)
    assert [window.document for window in windows] == sorted(window.document for window in windows)


@given(documents=DOCUMENTS, length=st.integers(1, 50), budget=st.integers(1, 200))
def test_a_budget_takes_the_first_tokens_and_no_more(documents, length, budget, plain_tokenizer, vocabulary):
    windows = make_windows(corpus_of(documents, length, budget), plain_tokenizer)
    every_token = [(index, vocabulary[word]) for index, words in enumerate(documents) for word in words]
    assert [(window.document, token) for window in windows for token in window.ids] == every_token[:budget]
    assert all(window.ids for window in windows)


@pytest.mark.parametrize("words", [2, 5, 11])
def test_what_bert_adds_stands_once_per_document(words, bert_tokenizer, vocabulary):
    windows = make_windows(corpus_of([["w1"] * words], length=4), bert_tokenizer)
    tokens = [token for window in windows for token in window.ids]
    assert tokens == [vocabulary["[CLS]"], *[vocabulary["w1"]] * words, vocabulary["[SEP]"]]
    assert [len(window) for window in windows[:-1]] == [4] * ((words + 1) // 4)


def test_a_document_longer_than_the_models_context_raises_no_warning(plain_tokenizer):
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("transformers")
    logger.addHandler(handler)
    try:
        corpus = corpus_of([["w1"] * 30], length=10)
        make_windows(corpus, plain_tokenizer)
        assert said == []
        plain_tokenizer(corpus.documents[0].text)  # which would have warned by itself
        assert "longer than" in said[0]
    finally:
        logger.removeHandler(handler)


def test_a_tokenizer_that_drops_everything_is_said():
    with pytest.raises(CorpusError, match="gives no tokens"):
        make_windows(corpus_of([["w1"]], length=4), lambda text, **options: {"input_ids": []})


@given(documents=DOCUMENTS, length=st.integers(1, 20), size=st.integers(1, 100))
def test_shards_keep_documents_whole_in_order_and_within_the_size(documents, length, size, plain_tokenizer):
    windows = make_windows(corpus_of(documents, length), plain_tokenizer)
    shards = shard_windows(windows, size)
    assert [window for shard in shards for window in shard] == windows
    assert all(shards)
    for before, after in pairwise(shards):
        assert before[-1].document < after[0].document
    for before, after in pairwise(shards):
        first_after = sum(len(window) for window in after if window.document == after[0].document)
        assert sum(map(len, before)) + first_after > size, "the next document would have fitted"
    for shard in shards:
        assert sum(map(len, shard)) <= size or len({window.document for window in shard}) == 1


def test_no_windows_give_no_shards_and_a_size_below_one_token_is_refused():
    assert shard_windows([]) == []
    with pytest.raises(SettingError, match="at least 1 token"):
        shard_windows([Window(0, 0, (1,))], 0)
