"""P(True): the model is shown its answer and asked whether it is true."""

from __future__ import annotations

import numpy as np

from avss_core.hallucination.estimators.estimator import Estimator, Evidence, Needs
from avss_core.hallucination.logistic import Numbers

WORDS = (" True", " False")
_ASKED = "Is the proposed answer true or false?"
_SOLVED = (
    ("How many wheels does a tricycle have?", "three", WORDS[0]),
    ("In which city does the Charles Bridge cross the Vltava?", "Vienna", WORDS[1]),
    ("Which country is ruled from Helsinki?", "Norway", WORDS[1]),
    ('Who wrote the play "Cyrano de Bergerac"?', "Edmond Rostand", WORDS[0]),
)
_BEFORE = "".join(f"Question: {q}\nProposed answer: {a}\n{_ASKED}{said}\n\n" for q, a, said in _SOLVED)


def prompt(question: str, answer: str) -> str:
    """Four proposed answers, two of them false; then the question and the answer that the model gave."""
    return f"{_BEFORE}Question: {question.strip()}\nProposed answer: {answer.strip() or '(none)'}\n{_ASKED}"


def estimate(evidence: Evidence) -> Numbers:
    """p(True) / (p(True) + p(False)) as the next word, (n,)."""
    return evidence.asked_again()["p_true"].to_numpy(dtype=np.float64)


P_TRUE = Estimator(
    name="p_true",
    pretty_name="P(True)",
    paper="Kadavath et al. 2022, Language Models (Mostly) Know What They Know",
    url="https://arxiv.org/abs/2207.05221",
    what="Probability of “True” against “False” when the model is shown the question with its own answer.",
    needs=Needs.ASKING,
    estimate=estimate,
    no_number="never",
    our_reading="Asked in the form of four solved examples, two true and two false. Not in the papers' table.",
)
