"""acc@q: how many of the most confident answers are right?"""

from __future__ import annotations

import math

from avss_core.hallucination.metrics.metric import ConfidenceMetric, share_of
from avss_core.hallucination.metrics.ranked import Numbers, ranked_accuracy


def acc_at(q: float) -> ConfidenceMetric:
    """Accuracy of the ⌈n·q⌉ most confident answers, 0 < q ≤ 1; higher is better (EAVSS paper, table 2).

    Where a tie straddles the end, the mean over all orders of the tied answers. Raises SettingError for q outside.
    """
    q = share_of(q, "The q of acc@q")

    def of(confidence: Numbers, correct: Numbers, drawn: Numbers) -> Numbers:
        return ranked_accuracy(confidence, correct, drawn)[:, most_confident(len(confidence), q) - 1]

    return ConfidenceMetric(
        name=f"acc@{100 * q:g}",
        pretty_name=f"Accuracy of the most confident {100 * q:g} %",
        higher_is_better=True,
        formula=f"share of right answers among the ⌈n · {q:g}⌉ most confident, ties averaged",
        of=of,
        out_of=lambda n: most_confident(n, q),
    )


def most_confident(n: int, q: float) -> int:
    """⌈n·q⌉, at least 1; 0.1 · 30 is 3, not the 3.0000000000000004 that makes 4."""
    return max(1, math.ceil(n * q - 1e-9))
