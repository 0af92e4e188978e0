"""From a task and a source to what is run: windows of text, or examples as tokens, in shards. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from avss_core.corpora.examples import Example, read_examples
from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Tokenizer, Window, make_windows, shard_windows
from avss_core.tasks.data_sets import mapping_of
from avss_core.tasks.task import AnswerTask, ChoiceTask, Task

MOST_SHARDS = 64


@dataclass(frozen=True)
class Asked:
    """An example as tokens: the prompt, and for a choice every continuation of it.

    ids: the prompt, up to where its tokens are the same with every continuation; a tokenizer may join the end of the
    prompt with the beginning of a continuation, and then that end belongs to each continuation.
    """

    example: Example
    ids: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...] = ()

    @property
    def document(self) -> int:
        """Number of the text that the example is about."""
        return self.example.document

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """The token sequences to run, longest first: the prompt with all but the last token of each continuation.

        One that begins another is left out, since a decoder computes it there: two words of one token each need
        no more than the prompt.
        """
        wanted = {self.ids + continuation[:-1] for continuation in self.continuations} or {self.ids}
        kept: list[tuple[int, ...]] = []
        for row in sorted(wanted, key=lambda row: (-len(row), row)):
            if not any(longer[: len(row)] == row for longer in kept):
                kept.append(row)
        return tuple(kept)

    def row_of(self, continuation: int) -> int:
        """Which of `rows` a continuation is read from."""
        needed = self.ids + self.continuations[continuation][:-1]
        return next(number for number, row in enumerate(self.rows) if row[: len(needed)] == needed)

    def within(self, most: int | None) -> Asked:
        """The same with the beginning of the prompt cut off, so that no row is longer than `most` tokens."""
        room = None if most is None else max(1, most - max((len(c) - 1 for c in self.continuations), default=0))
        return self if room is None or len(self.ids) <= room else replace(self, ids=self.ids[-room:])

    def __len__(self) -> int:
        return sum(map(len, self.rows))


Shard = tuple[Window | Asked, ...]


def read_task(task: Task, spec: CorpusSpec) -> tuple[Example, ...]:
    """The examples of a source, as the task needs them; for a page that shows them."""
    return read_examples(spec, mapping_of(task, spec), task.needs)


def prepare(task: Task, spec: CorpusSpec, tokenizer: Tokenizer) -> list[Window] | list[Asked]:
    """All that a task asks of a source, as tokens, in the source's order.

    A budget of tokens ends with the example that reaches it. Raises CorpusError where the source
    cannot be read for this task.
    """
    if not isinstance(task, ChoiceTask | AnswerTask):
        return make_windows(read_corpus(spec), tokenizer)
    return list(_within_budget(_ask(task, read_task(task, spec), tokenizer), spec.max_tokens))


def shards_of_task(task: Task, spec: CorpusSpec, tokenizer: Tokenizer) -> tuple[Shard, ...]:
    """What `prepare` gives, in shards of whole documents: about `task.tokens_per_shard`, or a 64th of it all."""
    items: Sequence[Window | Asked] = prepare(task, spec, tokenizer)
    return tuple(shard_windows(items, max(task.tokens_per_shard, sum(map(len, items)) // MOST_SHARDS)))


def _ask(task: ChoiceTask | AnswerTask, examples: Sequence[Example], tokenizer: Tokenizer) -> Iterator[Asked]:
    for example in examples:
        prompt = task.prompt(example)
        ids = _tokens(prompt, tokenizer)
        if isinstance(task, AnswerTask):
            yield Asked(example, ids)
            continue
        task.right(example)  # so that a label nobody knows is found out before anything is run
        whole = [_tokens(prompt + continuation, tokenizer) for continuation in task.continuations(example)]
        same = max(1, min(_shared(ids, tokens) for tokens in whole))
        yield Asked(example, ids[:same], tuple(tokens[same:] for tokens in whole))


def _tokens(text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    return tuple(tokenizer(text, truncation=False, padding=False, verbose=False)["input_ids"])


def _shared(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """How many tokens two texts begin with alike."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(first), len(second)))


def _within_budget(asked: Iterator[Asked], max_tokens: int | None) -> Iterator[Asked]:
    tokens = 0
    for one in asked:
        yield one
        tokens += len(one)
        if max_tokens is not None and tokens >= max_tokens:
            return
