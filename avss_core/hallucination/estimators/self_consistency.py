"""Self-consistency: do sampled answers agree with the greedy one?"""

from __future__ import annotations

import numpy as np

from avss_core.hallucination.estimators.estimator import Estimator, Evidence, Needs
from avss_core.hallucination.logistic import Numbers
from avss_core.tasks.verdict import normalise


def estimate(evidence: Evidence) -> Numbers:
    """Share of the k sampled answers that equal the greedy one, both normalised, (n,); nan where it is empty."""
    pairs = zip(evidence.answers["answer"], evidence.asked_again()["samples"], strict=True)
    return np.array([agreement(answer, list(samples)) for answer, samples in pairs], dtype=np.float64)


def agreement(answer: str, samples: list[str]) -> float:
    """Share of the samples that say what the answer says; case, punctuation and articles do not count."""
    said = normalise(answer)
    if not said or not samples:
        return float("nan")
    return sum(normalise(sample) == said for sample in samples) / len(samples)


SELF_CONSISTENCY = Estimator(
    name="self_consistency",
    pretty_name="Self-consistency",
    paper="Wang et al. 2023, Self-Consistency Improves Chain of Thought Reasoning",
    url="https://arxiv.org/abs/2203.11171",
    what="Share of several sampled answers that say the same as the greedy one.",
    needs=Needs.ASKING,
    estimate=estimate,
    no_number="the answer is empty",
    our_reading="Two answers say the same when they are equal after normalisation (case, punctuation, articles).",
)
