"""Sequence probability: how likely the model itself found its answer."""

from __future__ import annotations

import numpy as np

from avss_core.hallucination.estimators.estimator import Estimator, Evidence, Needs
from avss_core.hallucination.logistic import Numbers


def estimate(evidence: Evidence) -> Numbers:
    """exp of the mean log-probability of the answer's T tokens, (Π p_t)^(1/T); nan for an answer without a token."""
    logprobs = evidence.answers["logprobs"]
    return np.array([np.exp(np.mean(values)) if len(values) else np.nan for values in logprobs], dtype=np.float64)


SEQUENCE_PROBABILITY = Estimator(
    name="sequence_probability",
    pretty_name="Sequence probability (the model as it is)",
    paper="Malinin and Gales 2021; the row “Original LLM” of the EAVSS paper",
    url="https://arxiv.org/abs/2002.07650",
    what="Geometric mean of the probabilities that the model gave to the tokens of its answer.",
    needs=Needs.ANSWERS,
    estimate=estimate,
    no_number="the answer is empty",
    our_reading="The paper does not say how long and short answers are compared; here by the mean over tokens.",
)
