"""How variants are scored: a callable that a search asks, and how it reads the answers. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from avss_core.tasks import perplexity_table
from avss_core.tasks.evaluation import Evaluation
from avss_core.variants.variant import Variant

# One row a document, the same documents for every variant. It is asked for everything that a step needs at once, so
# that shared prefixes of blocks are run once.
Frames = Mapping[Variant, pd.DataFrame]
LossOf = Callable[[Sequence[Variant]], Frames]


class Prefixes(Protocol):
    """What a scorer keeps from call to call, for a search that asks for one cut after another.

    It is `variants.kept_prefixes`, said without torch.
    """

    def stand_on(self, variant: Variant) -> None:
        """The model as it stands; what is asked for next leaves out blocks of it."""


@dataclass(frozen=True)
class Metric:
    """How a task's frames are read.

    loss: one number to compare variants by, lower is better; summarise: the performance P with its interval;
    retained_interval: the ends of the paired 95 % interval of what is retained, from the frames before and after.
    """

    loss: Callable[[pd.DataFrame], float]
    summarise: Callable[[pd.DataFrame], Evaluation]
    retained_interval: Callable[[pd.DataFrame, pd.DataFrame], tuple[float, float]]


def mean_nll(frame: pd.DataFrame) -> float:
    """Negative log-likelihood over all predicted tokens of `document, nll, tokens`, in nats per token."""
    return float(np.divide(frame["nll"].sum(), frame["tokens"].sum()))


PERPLEXITY = Metric(mean_nll, perplexity_table.summarise, perplexity_table.retained_interval)


def loss_between(before: Evaluation, after: Evaluation) -> float:
    """ΔP of formulas §1: P(before) − P(after) where higher is better, the reverse where lower is; positive: worse."""
    return before.value - after.value if before.higher_is_better else after.value - before.value
