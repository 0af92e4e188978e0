"""The text of each training step: the same for every model that is trained beside another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import CorpusError


def training_batches(windows: Sequence[Window], sequences: int, pad_id: int | None, seed: int) -> Iterator[Batch]:
    """Without end: the windows in an order that the seed fixes, then in another, … , `sequences` of them at a time.

    Windows of one token are left out, since they predict nothing. Raises CorpusError when no other is there.
    """
    usable = [window for window in windows if len(window) > 1]
    if not usable:
        raise CorpusError("The text has no token to predict: each of its windows is one token; give a longer text.")
    order = _orders(usable, seed)
    while True:
        rows = [next(order) for _ in range(sequences)]
        longest = max(map(len, rows))
        yield from make_batches(rows, pad_id, tokens_per_batch=longest * sequences, padding_per_batch=None)


def _orders(windows: Sequence[Window], seed: int) -> Iterator[Window]:
    generator = np.random.default_rng(seed)
    while True:
        for place in generator.permutation(len(windows)):
            yield windows[place]
