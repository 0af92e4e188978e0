"""A table of sums as a Parquet file: what one unit of a job leaves behind. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from avss_core.importance.ranking import Ranking
from avss_core.importance.rankings import rankings_of
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import COLUMNS


def write_sums(table: pd.DataFrame, path: Path) -> None:
    """Write the file; it appears whole or not at all."""
    partial = path.with_suffix(".partial")
    table.to_parquet(partial, compression="zstd", index=False)
    partial.replace(path)


def read_sums(path: Path | str) -> pd.DataFrame:
    """Read what `write_sums` wrote."""
    return pd.read_parquet(path)


def rankings_in(files: Iterable[Path | str], settings: RankSettings, n_blocks: int) -> tuple[Ranking, ...]:
    """The rankings from the units of one run, or of one run for each part of `settings.by_pass()`, in any order.

    No file is needed for methods that need no pass.
    """
    parts = [read_sums(file) for file in files]
    return rankings_of(parts or [pd.DataFrame(columns=list(COLUMNS))], settings, n_blocks)
