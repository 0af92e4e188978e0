"""Every cutoff of some orders up to a share of the blocks, and random cuts of the same sizes to hold them against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from avss_core.errors import CutError, SettingError
from avss_core.pruning.cut import Cut
from avss_core.pruning.outcome import Outcome
from avss_core.pruning.protect import free_blocks, most_removable
from avss_core.pruning.random_cuts import DRAWS, is_complete, random_band, random_cuts_by_size
from avss_core.variants.plan import count_block_runs, count_block_runs_naive
from avss_core.variants.variant import Variant

Blocks = tuple[int, ...]
# The outcome of removing some blocks, for a reason; None when it has not been evaluated.
OutcomeOf = Callable[[Blocks, str], Outcome | None]

RANDOM = "random"
METHOD_COLUMNS = (
    "method",
    "removed",
    "share",
    "value",
    "value_low",
    "value_high",
    "retained",
    "low",
    "high",
    "blocks",
)
RANDOM_COLUMNS = ("removed", "share", "low", "median", "high", "draws", "coverage")


@dataclass(frozen=True)
class Sweep:
    """What is to be evaluated: for each method its cuts, in block order; for each size > 0 the random ones.

    shares_prefixes: of the task, whether it runs what cuts share once.
    """

    n_blocks: int
    methods: Mapping[str, tuple[Blocks, ...]]
    random: Mapping[int, tuple[Blocks, ...]]
    protected: Blocks = ()
    shares_prefixes: bool = True

    @cached_property
    def cuts(self) -> tuple[Blocks, ...]:
        """All different cuts, that of no block first."""
        found = [cut for cuts in (*self.methods.values(), *self.random.values()) for cut in cuts]
        return tuple(dict.fromkeys([(), *found]))

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The same as variants, to be run together."""
        return tuple(Variant.without(self.n_blocks, cut) for cut in self.cuts)

    @cached_property
    def block_runs(self) -> int:
        """Blocks run over the whole text, each prefix that cuts share run once where the task can do that."""
        return count_block_runs(self.variants) if self.shares_prefixes else self.block_runs_naive

    @cached_property
    def block_runs_naive(self) -> int:
        """The same if every different cut were a model of its own."""
        return count_block_runs_naive(self.variants)


def plan_sweep(
    orders: Mapping[str, Sequence[int]],
    n_blocks: int,
    max_fraction: float = 0.5,
    protected: Iterable[int] = (),
    draws: int = DRAWS,
    seed: int = 0,
    more: Mapping[str, Iterable[Blocks]] | None = None,
    shares_prefixes: bool = True,
) -> Sweep:
    """Cut each order (blocks, the first to go first) after 0, 1, … round(max_fraction · M) blocks, half to even.

    Protected blocks are passed over, in the orders and by chance; sizes that cannot be reached without them are left
    out. draws: random cuts of each size (0: none). more: cuts that follow no order, such as the best stretch of each
    length, or those of a search. shares_prefixes: of the task. Raises SettingError for a share outside 0 … 1,
    CutError for an order that names a block twice or one that does not exist, and where no block may go.
    """
    if not 0 <= max_fraction <= 1:
        raise SettingError(f"The share of blocks to sweep up to must lie between 0 and 1; {max_fraction} does not.")
    free = free_blocks(n_blocks, protected)
    most = min(round(max_fraction * n_blocks), most_removable(n_blocks, len(free)))
    methods = {}
    for name, order in orders.items():
        going = [block for block in order if block in free]
        methods[name] = tuple(cutoffs(going, n_blocks, min(most, len(going))))
        unknown = set(order).difference(range(n_blocks))
        if unknown:
            raise CutError(f"The order {name} names block {min(unknown)}; the model has blocks 0 to {n_blocks - 1}.")
    for name, cuts in (more or {}).items():
        methods[name] = tuple(Cut(cut, n_blocks, name).removed for cut in cuts)
    kept_out = tuple(block for block in range(n_blocks) if block not in free)
    by_chance = random_cuts_by_size(n_blocks, range(1, most + 1), kept_out, draws, seed) if draws else {}
    drawn = {size: tuple(cuts) for size, cuts in by_chance.items()}
    return Sweep(n_blocks, methods, drawn, kept_out, shares_prefixes)


def cutoffs(order: Sequence[int], n_blocks: int, most: int) -> list[Blocks]:
    """The first 0, 1, … `most` blocks of an order, each as a set of blocks to remove."""
    return [Cut(tuple(order[:n]), n_blocks, "along an order").removed for n in range(most + 1)]


def sweep_table(sweep: Sweep, outcome_of: OutcomeOf) -> pd.DataFrame:
    """One row for each method and cut that has been evaluated, the columns `METHOD_COLUMNS`.

    removed: how many; value, value_low, value_high: the metric with its 95 % interval over documents; retained, low,
    high: the share of performance retained with its paired interval; blocks: those removed, as text.
    """
    rows = []
    for method, cuts in sweep.methods.items():
        for cut in cuts:
            outcome = outcome_of(cut, method)
            if outcome is not None:
                rows.append(cutoff_row(method, outcome))
    return pd.DataFrame(rows, columns=list(METHOD_COLUMNS))


def random_table(sweep: Sweep, outcome_of: OutcomeOf) -> pd.DataFrame:
    """One row for each size whose random cuts have all been evaluated, the columns `RANDOM_COLUMNS`.

    low, median, high: of the share retained; coverage: the chance that another random cut falls between low and high
    (`random_band`). The band says how far the choice of blocks matters on this text; it leaves out what other text
    would change.
    """
    rows = []
    for size, cuts in sweep.random.items():
        outcomes = [outcome_of(cut, RANDOM) for cut in cuts]
        values = [outcome.retained for outcome in outcomes if outcome is not None]
        if len(values) < len(cuts):
            continue
        band = random_band(values, is_complete(sweep.n_blocks, size, sweep.protected, len(cuts)))
        rows.append(
            {
                "removed": size,
                "share": size / sweep.n_blocks,
                "low": band.low,
                "median": band.median,
                "high": band.high,
                "draws": band.draws,
                "coverage": band.coverage,
            }
        )
    return pd.DataFrame(rows, columns=list(RANDOM_COLUMNS))


def cutoff_row(method: str, outcome: Outcome) -> dict[str, object]:
    """A point of a sweep, the columns `METHOD_COLUMNS`."""
    removed = outcome.cut.removed
    return {
        "method": method,
        "removed": len(removed),
        "share": len(removed) / outcome.cut.n_blocks,
        "value": outcome.after.value,
        "value_low": outcome.after.low,
        "value_high": outcome.after.high,
        "retained": outcome.retained,
        "low": outcome.retained_low,
        "high": outcome.retained_high,
        "blocks": " ".join(map(str, removed)),
    }
