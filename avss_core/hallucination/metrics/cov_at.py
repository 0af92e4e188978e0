"""cov@p: how many answers can be given if so many of them have to be right?"""

from __future__ import annotations

import numpy as np

from avss_core.hallucination.metrics.metric import ConfidenceMetric, share_of
from avss_core.hallucination.metrics.ranked import Numbers, ranked_accuracy


def cov_at(p: float) -> ConfidenceMetric:
    """The largest share c such that the c·n most confident answers have accuracy ≥ p, 0 < p ≤ 1; higher is better.

    0 where there is none; all n answers count below the line (EAVSS paper, table 2). The accuracy of k answers that end
    inside a tie is the mean over all orders of the tied answers, as in acc@q. Raises SettingError for p outside.
    """
    p = share_of(p, "The p of cov@p")

    def of(confidence: Numbers, correct: Numbers, drawn: Numbers) -> Numbers:
        # Sums of tied shares (1/3 + 1/3 + 1/3) may fall short of p by rounding.
        enough = ranked_accuracy(confidence, correct, drawn) >= p - 1e-9
        n = enough.shape[1]
        last = n - np.argmax(enough[:, ::-1], axis=1)
        covered: Numbers = np.where(enough.any(axis=1), last, 0) / n
        return covered

    return ConfidenceMetric(
        name=f"cov@{100 * p:g}",
        pretty_name=f"Coverage at {100 * p:g} % accuracy",
        higher_is_better=True,
        formula=f"largest share of answers, most confident first, of which at least {100 * p:g} % are right",
        of=of,
    )
