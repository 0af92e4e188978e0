"""From documents to windows of tokens, and from windows to the shards of a profile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol, TypeVar

from avss_core.corpora.read import Corpus
from avss_core.errors import CorpusError, SettingError


class Tokenizer(Protocol):
    """What is asked of a Hugging Face tokenizer here (slow or fast)."""

    def __call__(self, text: str, *, truncation: bool, padding: bool, verbose: bool) -> Any:
        """Return a mapping with the document's token ids under `input_ids`."""


class Piece(Protocol):
    """Something to run that has a length in tokens and belongs to a document."""

    @property
    def document(self) -> int:
        """Number of the document."""

    def __len__(self) -> int:
        """Number of tokens."""


P = TypeVar("P", bound=Piece)


@dataclass(frozen=True)
class Window:
    """Consecutive tokens of one document.

    `document` is its index in `corpus.documents`, `start` the position of the first of `ids` in the document.
    """

    document: int
    start: int
    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


def make_windows(corpus: Corpus, tokenizer: Tokenizer) -> list[Window]:
    """Cut every document into consecutive windows of at most `corpus.spec.length` tokens, in order, nothing packed.

    A document is tokenized once, as the tokenizer does by default, and then cut. What the tokenizer adds therefore
    stands once per document and not once per window: a decoder's BOS opens the first window, BERT's [CLS] opens the
    first and its [SEP] closes the last. These count as tokens; nothing else is added. With `corpus.spec.max_tokens`
    windows end when so many tokens are reached, in the middle of a document if need be.
    Raises CorpusError when no document gives a token.
    """
    windows = list(_within_budget(_windows(corpus, tokenizer), corpus.spec.max_tokens))
    if not windows:
        raise CorpusError(f"{corpus.spec.source} gives no tokens: this tokenizer drops all of its text.")
    return windows


def _windows(corpus: Corpus, tokenizer: Tokenizer) -> Iterator[Window]:
    for index, document in enumerate(corpus.documents):
        # verbose=False: a document longer than the model's context is no mishap here, it is cut below.
        ids = tokenizer(document.text, truncation=False, padding=False, verbose=False)["input_ids"]
        for start in range(0, len(ids), corpus.spec.length):
            yield Window(index, start, tuple(ids[start : start + corpus.spec.length]))


def _within_budget(windows: Iterator[Window], max_tokens: int | None) -> Iterator[Window]:
    if max_tokens is None:
        yield from windows
        return
    left = max_tokens
    for window in windows:
        yield Window(window.document, window.start, window.ids[:left])
        left -= len(window)
        if left <= 0:
            return


def shard_windows(windows: Sequence[P], tokens_per_shard: int = 1024) -> list[tuple[P, ...]]:
    """Group windows into shards of about `tokens_per_shard` tokens: what is measured, stored and resumed as one.

    Anything else with a document and a length is grouped as well.
    Whole documents stay together, in order: a shard closes before the document that would take it over the number,
    and only a single document longer than that makes a larger one. No shard is empty.
    """
    if tokens_per_shard < 1:
        raise SettingError(f"A shard must hold at least 1 token, not {tokens_per_shard}.")
    shards: list[tuple[P, ...]] = []
    shard: list[P] = []
    tokens = 0
    for _, group in groupby(windows, key=lambda window: window.document):
        document = list(group)
        size = sum(map(len, document))
        if shard and tokens + size > tokens_per_shard:
            shards.append(tuple(shard))
            shard, tokens = [], 0
        shard += document
        tokens += size
    if shard:
        shards.append(tuple(shard))
    return shards
