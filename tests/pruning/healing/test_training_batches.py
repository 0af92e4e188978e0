from __future__ import annotations

from itertools import islice

import pytest

from avss_core.corpora.windows import Window
from avss_core.errors import CorpusError
from avss_core.pruning.healing.training_batches import training_batches


def order(windows, sequences: int, seed: int, count: int) -> list[list[int]]:
    batches = islice(training_batches(windows, sequences, 0, seed), count)
    return [[window.document for window in batch.windows] for batch in batches]


def test_every_window_once_before_any_comes_again(make_windows) -> None:
    seen = [document for batch in order(make_windows(10), 5, 0, 6) for document in batch]
    rounds = [seen[0:10], seen[10:20], seen[20:30]]
    assert all(sorted(each) == list(range(10)) for each in rounds)
    assert len({tuple(each) for each in rounds}) == 3


def test_the_seed_fixes_the_order(make_windows) -> None:
    windows = make_windows(10)
    assert order(windows, 3, 1, 8) == order(windows, 3, 1, 8)
    assert order(windows, 3, 1, 8) != order(windows, 3, 2, 8)


def test_as_many_sequences_as_asked_for_even_of_a_short_text(make_windows) -> None:
    assert [len(batch) for batch in order(make_windows(3), 4, 0, 5)] == [4] * 5


def test_windows_of_one_token_are_left_out(make_windows) -> None:
    windows = [Window(90, 0, (5,)), *make_windows(4)]
    assert 90 not in [document for batch in order(windows, 2, 0, 6) for document in batch]
    with pytest.raises(CorpusError, match="no token to predict"):
        next(training_batches(windows[:1], 2, 0, 0))
