"""Calibration documents that a map is fitted on, and others that judge it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avss_core.corpora.windows import Window
from avss_core.errors import CorpusError


def split_documents(windows: Sequence[Window], held_out: float) -> tuple[list[Window], list[Window]]:
    """Divide `windows` into those to fit on and those held out, whole documents together.

    So many documents are held out that they are nearest to that share of the documents, at least one and not all,
    spread evenly over the text. Raises CorpusError when there is only one document.
    """
    documents = list(dict.fromkeys(window.document for window in windows))
    if len(documents) < 2:
        raise CorpusError(
            f"A fit needs documents to learn from and others that judge it; the calibration text has {len(documents)}, "
            "give it at least 2."
        )
    count = min(max(1, round(held_out * len(documents))), len(documents) - 1)
    places = ((np.arange(count) + 0.5) * len(documents) / count).astype(int)
    judges = {documents[place] for place in places}
    fitted = [window for window in windows if window.document not in judges]
    return fitted, [window for window in windows if window.document in judges]


def some_windows(windows: Sequence[Window], tokens: int | None) -> list[Window]:
    """The first windows that make `tokens` tokens (the last of them whole), of at least two documents if there are two.

    Of every document the first window, then of each the second, …, so a small budget still meets many documents. None,
    or a budget that is not used up: all of them, as they come.
    """
    fewest = min(2, len({window.document for window in windows}))
    if tokens is None or sum(map(len, windows)) <= tokens:
        return list(windows)
    chosen: list[Window] = []
    read = 0
    for window in sorted(windows, key=lambda window: (window.start, window.document)):
        if read >= tokens and len(chosen) >= fewest:  # the first windows are each of another document
            break
        chosen.append(window)
        read += len(window)
    return chosen
