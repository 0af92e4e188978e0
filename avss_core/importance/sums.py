"""What a pass leaves behind: for each statistic, block and document a sum and a weight, which add up in any order.

A table of them has the columns `COLUMNS`. Tables of other texts are put under each other (`pandas.concat`); that is
all merging is. A score is a function of the sums over all documents, and its interval comes from drawing documents
again, so both are computed here, long after the model ran, without torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

# length: how many consecutive blocks, from `block` on, the number is of (1 but for the angular distance).
# document: the one that was measured, or the first one of a shard where a shard is measured as a whole.
# repeat: which of several measurements on the same document (0 but for Shapley values).
COLUMNS = ("statistic", "block", "length", "document", "repeat", "value", "weight")

NO_BLOCK = -1
FEWEST = 4  # documents: fewer say nothing of how far a number would move on others
DRAWS = 1000
_DRAWS_AT_ONCE = 100


def rows_of(
    statistic: str,
    documents: Sequence[int] | NDArray[np.int64],
    values: Array,
    weights: Array,
    length: int = 1,
    repeats: Sequence[int] | NDArray[np.int64] | int = 0,
) -> pd.DataFrame:
    """A table of one statistic: values (documents, blocks), from block 0 on; weights the same, or (documents,)."""
    n_documents, n_blocks = values.shape
    weight = np.broadcast_to(weights if weights.ndim == 2 else weights[:, None], values.shape)
    return pd.DataFrame(
        {
            "statistic": statistic,
            "block": np.tile(np.arange(n_blocks), n_documents),
            "length": length,
            "document": np.repeat(np.asarray(documents, dtype=np.int64), n_blocks),
            "repeat": np.repeat(np.broadcast_to(repeats, n_documents), n_blocks),
            "value": values.ravel(),
            "weight": weight.ravel().astype(np.float64),
        }
    )


def fact_row(statistic: str, document: int, value: float, weight: float = 1.0) -> pd.DataFrame:
    """One number that is of no block: a cost, a count."""
    return pd.DataFrame([(statistic, NO_BLOCK, 1, document, 0, float(value), float(weight))], columns=list(COLUMNS))


def add_up(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with one row for each statistic, block and document."""
    keys = list(COLUMNS[:5])
    return table.groupby(keys, sort=False, as_index=False)[["value", "weight"]].sum()


@dataclass(frozen=True, eq=False)
class Samples:
    """One statistic: value and weight, (samples, blocks). A sample is a document, or a repeat on one."""

    value: Array
    weight: Array


class Sums:
    """Sums over documents by statistic, each (…, blocks): drawn as often as `draws` says, or every document once."""

    def __init__(self, table: Table, chunk: tuple[int, int] | None = None) -> None:
        self._table = table
        self._chunk = chunk
        self._read: set[str] = set()

    @property
    def n_blocks(self) -> int:
        """M."""
        return self._table.n_blocks

    def value(self, statistic: str, length: int = 1) -> Array:
        """Σ value; zeros where nothing was measured."""
        return self._sum(self._measured(statistic, length).value)

    def weight(self, statistic: str, length: int = 1) -> Array:
        """Σ weight."""
        return self._sum(self._measured(statistic, length).weight)

    def mean(self, statistic: str, length: int = 1) -> Array:
        """Σ value / Σ weight; nan where the weight is 0."""
        weight = self.weight(statistic, length)
        return np.divide(self.value(statistic, length), weight, out=np.full(weight.shape, np.nan), where=weight != 0)

    @property
    def samples_read(self) -> int:
        """How many samples there are of what has been read from these sums so far; 0 when nothing has."""
        return min((len(self._table.measured(statistic, 1).value) for statistic in self._read), default=0)

    def _measured(self, statistic: str, length: int) -> Samples:
        self._read.add(statistic)
        return self._table.measured(statistic, length)

    def _sum(self, values: Array) -> Array:
        if self._chunk is None:
            summed: Array = values.sum(axis=0)
            return summed
        return _draws(len(values), *self._chunk) @ values


class Table:
    """A table of sums, taken apart by statistic; M blocks."""

    def __init__(self, table: pd.DataFrame, n_blocks: int) -> None:
        self.n_blocks = n_blocks
        self._groups = dict(list(table.groupby(["statistic", "length"], sort=False)))
        self._known: dict[tuple[str, int], Samples] = {}

    def measured(self, statistic: str, length: int) -> Samples:
        """The samples of one statistic, by document."""
        key = (statistic, length)
        if key not in self._known:
            self._known[key] = self._take_apart(key)
        return self._known[key]

    def sums(self) -> Sums:
        """Over every document once."""
        return Sums(self)

    def resampled(self, seed: int = 0, draws: int = DRAWS) -> Iterator[Sums]:
        """Over as many documents as there are, drawn with replacement; each has several draws as its first axis.

        Statistics of the same number of documents are drawn alike, so what is computed of several is paired.
        """
        for number in range(draws // _DRAWS_AT_ONCE):
            yield Sums(self, (seed, number))

    def _take_apart(self, key: tuple[str, int]) -> Samples:
        if key not in self._groups:
            nothing = np.zeros((0, self.n_blocks))
            return Samples(nothing, nothing)
        rows = self._groups[key]
        by_sample = rows.groupby(["document", "repeat"])  # sorted: the order of merging does not show
        sample, block = by_sample.ngroup().to_numpy(), rows["block"].to_numpy()
        value, weight = np.zeros((2, by_sample.ngroups, self.n_blocks))
        np.add.at(value, (sample, block), rows["value"].to_numpy())
        np.add.at(weight, (sample, block), rows["weight"].to_numpy())
        return Samples(value, weight)


def _draws(n: int, seed: int, number: int) -> Array:
    """How often each of n samples stands in each draw, (draws, n)."""
    generator = np.random.default_rng([seed, number, n])
    return generator.multinomial(n, np.full(n, 1 / n), size=_DRAWS_AT_ONCE).astype(np.float64)
