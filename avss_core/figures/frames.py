"""What a figure asks of the frame it is given."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from avss_core.errors import SettingError


def need_columns(frame: pd.DataFrame, columns: Iterable[str], figure: str) -> None:
    """Raise `SettingError` when a column that `figure` draws is not in the frame."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise SettingError(
            f"The {figure} needs the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
            f"the table has {', '.join(map(str, frame.columns)) or 'none'}."
        )


def block_count(frame: pd.DataFrame, n_blocks: int | None = None) -> int:
    """Number of blocks of a table: as said, else one more than the highest 0-based index in `block`."""
    if n_blocks is not None:
        return n_blocks
    return 0 if frame.empty else int(frame["block"].max()) + 1
