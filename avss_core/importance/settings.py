"""What is asked of a comparison of methods, beside the model and the text. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from avss_core.errors import SettingError
from avss_core.importance.epsilon import Epsilon
from avss_core.importance.method import PASSES, Needs, Reading
from avss_core.importance.registry import DEFAULT_SITE, METHODS, NAMES, Chosen, choose
from avss_core.seeds import require_seed

DEFAULT_BUDGET = 2000


@dataclass(frozen=True)
class RankSettings:
    """Which methods, and how.

    methods: names, `NAME@SITE` for activations of another site. epsilon, skip_first_token: as in a score table.
    budget: block runs for Shapley values, each counted once when it has run over the whole text (a forward pass is M
    of them, all single-block ablations about M²/2). sample_tokens: of the windows for Shapley values;
    short ones in many sampled orders of removal tell more than long ones in few. Raises SettingError for what cannot
    be.
    """

    methods: tuple[str, ...] = NAMES
    epsilon: Epsilon = field(default_factory=Epsilon)
    skip_first_token: bool = False
    seed: int = 0
    budget: int = DEFAULT_BUDGET
    sample_tokens: int = 128

    def __post_init__(self) -> None:
        """Read the names, drop repetitions, check the numbers."""
        if not self.methods:
            raise SettingError(f"No method was chosen to score blocks by; the methods are {', '.join(NAMES)}.")
        names = dict.fromkeys(choose(text).name for text in self.methods)
        object.__setattr__(self, "methods", tuple(names))
        if self.budget < 1:
            raise SettingError(f"The budget of block runs for Shapley values must be at least 1, not {self.budget}.")
        if self.sample_tokens < 2:
            raise SettingError(
                f"A sample for Shapley values needs 2 tokens, one to predict the other, not {self.sample_tokens}."
            )
        require_seed(self.seed)

    @cached_property
    def chosen(self) -> tuple[Chosen, ...]:
        """The methods, in the order they were asked for."""
        return tuple(choose(name) for name in self.methods)

    @property
    def needs(self) -> frozenset[Needs]:
        """All that the methods need together."""
        return frozenset(chosen.method.needs for chosen in self.chosen)

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites at which activations are measured; none when no method looks at them."""
        return tuple(dict.fromkeys(chosen.site for chosen in self.chosen if chosen.method.has_sites))

    def by_pass(self) -> tuple[RankSettings, ...]:
        """What has to be measured, one pass each, cheapest first: together they give all that these settings ask for.

        Each names all methods that the same pass serves, and holds only what makes a difference to it, so that what
        was measured for one question answers the next. Put the tables of all of them under each other for
        `rankings_of`.
        """
        parts = []
        for met in PASSES:
            asked = [chosen for chosen in self.chosen if chosen.method.needs in met]
            if asked:
                parts.append(self._only(met, asked))
        return tuple(parts)

    def _only(self, met: frozenset[Needs], asked: list[Chosen]) -> RankSettings:
        sites = sorted({chosen.site for chosen in asked if chosen.method.has_sites})
        names = [
            Chosen(method, site).name
            for method in METHODS
            if method.needs in met
            for site in (sites if method.has_sites else [DEFAULT_SITE])
        ]
        if Needs.COALITIONS in met:
            return RankSettings(tuple(names), seed=self.seed, budget=self.budget, sample_tokens=self.sample_tokens)
        if sites:
            return RankSettings(tuple(names), self.epsilon, self.skip_first_token)
        return RankSettings(tuple(names))

    def reading(self, chosen: Chosen) -> Reading:
        """How one of the methods is to be read."""
        return Reading(chosen.site, self.seed, self.budget)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return asdict(self) | {"methods": list(self.methods)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RankSettings:
        """The inverse of `to_dict`."""
        return cls(**values | {"methods": tuple(values["methods"]), "epsilon": Epsilon(**values["epsilon"])})
