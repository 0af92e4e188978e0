"""What an estimator of confidence says of itself, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from avss_core.errors import SettingError
from avss_core.hallucination.logistic import Numbers


class Needs(StrEnum):
    """What an estimator reads."""

    ANSWERS = "the answers"
    LABELS = "the answers' hidden states and labels"
    ASKING = "asking the model again"


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of n answers.

    answers: as `jobs.answers_results.answers_frame` gives them. correct: (n,) of 0 and 1. asked: as
    `jobs.confidence_results.confidence_frame` gives it, one row an answer in the same order; None while the model has
    not been asked again. block: whose output P(IK) reads, None for the last. seed: of the folds.
    """

    answers: pd.DataFrame
    correct: Numbers
    asked: pd.DataFrame | None = None
    block: int | None = None
    seed: int = 0

    def asked_again(self) -> pd.DataFrame:
        """The frame of the second asking; SettingError while there is none."""
        if self.asked is None:
            raise SettingError("The model has not been asked how sure it is; measure its confidence first.")
        return self.asked


@dataclass(frozen=True)
class Estimator:
    """A way to give each answer a number in [0, 1]: how likely it is right. Higher is surer.

    estimate: -> (n,), nan where there is nothing to say. no_number: when that is so, in words. cannot: why there is no
    number for any of these answers; empty where there is. our_reading: what the paper leaves open, and how it is here.
    """

    name: str
    pretty_name: str
    paper: str
    url: str
    what: str
    needs: Needs
    estimate: Callable[[Evidence], Numbers]
    no_number: str
    our_reading: str = ""
    cannot: Callable[[Evidence], str] = lambda evidence: ""

    def why_not(self, evidence: Evidence) -> str:
        """Why there can be no number for these answers; empty where there can."""
        if self.needs is Needs.ASKING and evidence.asked is None:
            return "Not measured yet: the model has to be asked again."
        return self.cannot(evidence)

    def card(self) -> dict[str, Any]:
        """What it says of itself, as JSON types."""
        return {
            "estimator": self.name,
            "pretty_name": self.pretty_name,
            "paper": self.paper,
            "url": self.url,
            "what": self.what,
            "needs": str(self.needs),
            "no_number": self.no_number,
            "our_reading": self.our_reading,
        }
