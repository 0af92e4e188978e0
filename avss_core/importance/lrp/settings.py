"""Which rules of layer-wise relevance propagation are used, and which output is explained."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from avss_core.corpora.did_you_mean import did_you_mean
from avss_core.errors import SettingError

RULES = ("epsilon", "alpha-beta")
ATTENTION = ("conservative", "attnlrp")
EXPLAINED = ("tokens", "last")


@dataclass(frozen=True)
class LrpSettings:
    """rule: for linear layers, (49) `epsilon` or (50) `alpha-beta`, with β = 1 − α.

    attention: `conservative` holds the attention weights fixed; `attnlrp` propagates through the softmax too.
    epsilon: ε of (49), absolute; α: share of the positive contributions in (50).
    explained: f(x), `tokens` the logit of every token that the model is to predict, summed over a document (for a
    classifier, its strongest class); `last` the highest logit at the last token (what the next token would be).
    Raises SettingError for a name that is not one of these, a negative ε, and an α that is no number.
    """

    rule: str = "epsilon"
    attention: str = "conservative"
    epsilon: float = 1e-6
    alpha: float = 1.0
    explained: str = "tokens"

    def __post_init__(self) -> None:
        _check("rule for linear layers", self.rule, RULES)
        _check("treatment of attention", self.attention, ATTENTION)
        _check("output to explain", self.explained, EXPLAINED)
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise SettingError(f"ε of the ε-rule must be 0 or more, not {self.epsilon}; 1e-6 is usual.")
        if not math.isfinite(self.alpha):
            raise SettingError(
                f"α of the αβ-rule must be a number, not {self.alpha}; 1 (β = 0) or 2 (β = −1) are usual."
            )

    @property
    def beta(self) -> float:
        """β = 1 − α: share of the negative contributions in (50)."""
        return 1.0 - self.alpha

    def to_dict(self) -> dict[str, Any]:
        """All settings by name."""
        return asdict(self)


def _check(what: str, name: str, there_are: tuple[str, ...]) -> None:
    if name not in there_are:
        raise SettingError(f'LRP has no {what} "{name}", only {", ".join(there_are)}{did_you_mean(name, there_are)}')
