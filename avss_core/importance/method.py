"""What a way to score blocks says of itself. No torch: pages show the cards, the shell lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avss_core.importance.sums import Sums

Array = NDArray[np.float64]

# Every score is turned so that it reads like this, whatever the quantity behind it.
DIRECTION = "lowest is removed first"

# Whose gradient GBIS and Taylor take (`passes/loss_gradient.py`), in the words of their cards.
LOSS_READING = (
    "The loss is −ln p, summed over a window and not averaged: of each token that follows; of a masked model, of every "
    "token at its own place, nothing masked; of a classifier, of the one class that it finds most likely itself."
)


class Needs(StrEnum):
    """What has to be measured; methods that need the same share one pass."""

    NOTHING = "nothing"
    WEIGHTS = "weights"
    MOMENTS = "moments"
    SEQUENCE_MEANS = "sequence means"
    STATES = "hidden states"
    GRADIENTS = "gradients"
    RELEVANCE = "relevance"
    ATTENTION_RELEVANCE = "relevance through attention"
    POSITIVE_RELEVANCE = "relevance of positive contributions"
    VARIANTS = "variants"
    COALITIONS = "coalitions"


# What one pass over the text measures together, cheapest first.
PASSES: tuple[frozenset[Needs], ...] = (
    frozenset({Needs.WEIGHTS}),
    frozenset({Needs.MOMENTS, Needs.SEQUENCE_MEANS, Needs.STATES}),
    frozenset({Needs.GRADIENTS}),
    frozenset({Needs.RELEVANCE}),  # each of its variants propagates by rules of its own
    frozenset({Needs.ATTENTION_RELEVANCE}),
    frozenset({Needs.POSITIVE_RELEVANCE}),
    frozenset({Needs.VARIANTS}),
    frozenset({Needs.COALITIONS}),
)


class Cost(StrEnum):
    """Cost classes, cheapest first. M is the number of blocks; one forward pass runs M of them."""

    FREE = "no run of the model"
    FORWARD = "one forward pass"
    BACKWARD = "one forward and one backward pass"
    EACH_BLOCK = "one run without each block (about M/2 forward passes)"
    MANY = "runs without many sets of blocks (a budget)"


class Asks(StrEnum):
    """What the network must be able to do."""

    NOTHING = "any network"
    LOSS = "a network with a head, so that there is a loss"
    PREDICTION = "a network that predicts the next token or one of several classes"
    NEXT_TOKEN = "a network that predicts the next token"


@dataclass(frozen=True)
class Reading:
    """How one method is read in one request: its site, where it has sites, and the request's seed and budget."""

    site: str = "residual"
    seed: int = 0
    budget: int = 0


def no_details(sums: Sums, reading: Reading) -> Mapping[str, Any]:
    """For a method that has no more to tell than one number a block."""
    return {}


@dataclass(frozen=True)
class Method:
    """A way to score blocks.

    score: from the sums of what it needs, (…, M) each, to scores (…, M), the lowest removed first. details: what else
    those sums tell, as JSON types. sees, blind_to: its card, in plain words. our_reading: what the paper leaves open
    and how it is taken here, or an empty string. licence_note: what its authors say of using it, where they do. unit:
    of the scores, empty where there is none.
    """

    name: str
    pretty_name: str
    paper: str
    url: str
    needs: Needs
    cost: Cost
    sees: str
    blind_to: str
    score: Callable[[Sums, Reading], Array]
    details: Callable[[Sums, Reading], Mapping[str, Any]] = no_details
    asks: Asks = Asks.NOTHING
    has_sites: bool = False
    our_reading: str = ""
    licence_note: str = ""
    unit: str = ""
    direction: str = DIRECTION

    def card(self) -> dict[str, Any]:
        """All that it says of itself, as JSON types."""
        return {
            "name": self.name,
            "pretty_name": self.pretty_name,
            "paper": self.paper,
            "url": self.url,
            "direction": self.direction,
            "unit": self.unit,
            "needs": str(self.needs),
            "cost": str(self.cost),
            "asks": str(self.asks),
            "has_sites": self.has_sites,
            "sees": self.sees,
            "blind_to": self.blind_to,
            "our_reading": self.our_reading,
            "licence_note": self.licence_note,
        }
