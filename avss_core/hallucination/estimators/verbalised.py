"""Verbalised confidence: the model is asked for a percentage after its answer."""

from __future__ import annotations

import math
import re

import numpy as np

from avss_core.hallucination.estimators.estimator import Estimator, Evidence, Needs
from avss_core.hallucination.logistic import Numbers

_ASKED = "Probability that this answer is right:"
_SOLVED = (
    ("How many wheels does a tricycle have?", "three", "98%"),
    ("In which city does the Charles Bridge cross the Vltava?", "Vienna", "10%"),
    ('Who wrote the play "Cyrano de Bergerac"?', "Edmond Rostand", "85%"),
    ("Which country is ruled from Helsinki?", "Norway", "20%"),
)
_BEFORE = "".join(f"Question: {q}\nAnswer: {a}\n{_ASKED} {said}\n\n" for q, a, said in _SOLVED)
_NUMBER = re.compile(r"(?<![\w.,-])(\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)\s*(%|percent\b|per cent\b)?", re.IGNORECASE)

MOST_TOKENS = 8


def prompt(question: str, answer: str) -> str:
    """Four answers with a percentage, two of them wrong and given a low one; then the question and its answer."""
    return f"{_BEFORE}Question: {question.strip()}\nAnswer: {answer.strip() or '(none)'}\n{_ASKED}"


def parse(said: str) -> float:
    """The first number as a share from 0 to 1; nan where there is none, or it is more than 100 %.

    "85%", "85 percent" and "85" are 0.85; "0.85" and "1.0", written with a point and no sign, are shares already;
    "1" is 1 %, as it was asked for.
    """
    found = _NUMBER.search(said)
    if found is None:
        return math.nan
    number, sign = found.groups()
    value = float(number.replace(",", ""))
    if not (sign is None and "." in number and value <= 1):
        value /= 100
    return value if value <= 1 else math.nan


def estimate(evidence: Evidence) -> Numbers:
    """What the model said, as a share, (n,); nan where no percentage can be read in it."""
    return np.array([parse(said) for said in evidence.asked_again()["verbalised"]], dtype=np.float64)


VERBALISED = Estimator(
    name="verbalised",
    pretty_name="Verbalised confidence",
    paper="Lin, Hilton and Evans 2022, Teaching Models to Express Their Uncertainty in Words",
    url="https://arxiv.org/abs/2205.14334",
    what="The percentage that the model writes when asked how likely its answer is right.",
    needs=Needs.ASKING,
    estimate=estimate,
    no_number="no percentage can be read in what the model wrote",
    our_reading="Asked in the form of four solved examples, two right and two wrong; the paper gives no wording.",
)
