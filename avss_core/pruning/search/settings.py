"""Which search, how far, and by what: all that is asked of a search beside model, text and task. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from avss_core.errors import SettingError
from avss_core.importance.epsilon import Epsilon
from avss_core.importance.settings import RankSettings
from avss_core.pruning.search.beam import WIDTH
from avss_core.pruning.search.iterative import AppendixH
from avss_core.pruning.search.limits import Limits

DEFAULT_METHOD = "avss"


class Search(StrEnum):
    """The ways to search."""

    ITERATIVE = "iterative"
    GREEDY = "greedy"
    BEAM = "beam"

    @property
    def pretty_name(self) -> str:
        """For people."""
        return {"iterative": "appendix H", "greedy": "greedy", "beam": "beam"}[self.value]


@dataclass(frozen=True)
class SearchSettings:
    """What a search does not use is None, so that the same search has the same settings.

    limits: how far. rule, rank: of iterative pruning, appendix H's numbers and the one method that scores blocks
    (AVSS when none is given). width: of a beam, how many cuts of each size are kept. Raises SettingError for more than
    one method and for a width below 1.
    """

    search: Search = Search.ITERATIVE
    limits: Limits = field(default_factory=Limits)
    rule: AppendixH | None = None
    rank: RankSettings | None = None
    width: int | None = None

    def __post_init__(self) -> None:
        """Check, fill in what this search uses, and drop what it does not."""
        rule, rank, width = None, None, None
        if self.search is Search.ITERATIVE:
            rule, rank = self.rule or AppendixH(), self.rank or RankSettings((DEFAULT_METHOD,))
            if len(rank.methods) != 1:
                raise SettingError(f"Iterative pruning goes by one method, not by {len(rank.methods)}; choose one.")
            if rule.delta is not None:
                rule = replace(rule, tolerance=AppendixH.tolerance)  # nothing reads λ where δ is given
            if not rank.sites:
                rank = replace(rank, epsilon=Epsilon(), skip_first_token=False)
        elif self.search is Search.BEAM:
            width = WIDTH if self.width is None else self.width
            if width < 1:
                raise SettingError(f"The width of the beam must be at least 1, not {width}.")
        object.__setattr__(self, "rule", rule)
        object.__setattr__(self, "rank", rank)
        object.__setattr__(self, "width", width)
        protected = tuple(sorted(set(self.limits.protected)))
        object.__setattr__(self, "limits", replace(self.limits, protected=protected))

    @property
    def label(self) -> str:
        """The search in a few words, for legends and lists."""
        if self.rule is not None and self.rank is not None:
            bound = f"λ = {self.rule.tolerance:g}" if self.rule.delta is None else f"δ = {self.rule.delta:g}"
            return f"appendix H by {self.rank.methods[0]}{', again' * self.rule.again}, {bound}"
        return f"beam of {self.width}" if self.width is not None else self.search.pretty_name

    def most_steps(self, n_blocks: int) -> int:
        """How many steps there are at most; CutError when the limits do not fit a model of so many blocks.

        Appendix H tries every block that may go once; the others remove one in each step.
        """
        free, most = self.limits.of(n_blocks)
        return len(free) if self.search is Search.ITERATIVE else most

    def most_cuts(self, n_blocks: int) -> int:
        """How many cuts are looked at, at most, the whole model among them; those met twice count twice."""
        free, steps = len(self.limits.of(n_blocks)[0]), self.most_steps(n_blocks)
        if self.search is Search.ITERATIVE:
            return 1 + steps
        return 1 + free + sum((self.width or 1) * (free - gone) for gone in range(1, steps))

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON types."""
        return {
            "search": self.search.value,
            "limits": asdict(self.limits) | {"protected": list(self.limits.protected)},
            "rule": None if self.rule is None else asdict(self.rule),
            "rank": None if self.rank is None else self.rank.to_dict(),
            "width": self.width,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SearchSettings:
        """The inverse of `to_dict`."""
        limits = values["limits"]
        return cls(
            Search(values["search"]),
            Limits(limits["most"], limits["retain"], tuple(limits["protected"])),
            None if values["rule"] is None else AppendixH(**values["rule"]),
            None if values["rank"] is None else RankSettings.from_dict(values["rank"]),
            values["width"],
        )
