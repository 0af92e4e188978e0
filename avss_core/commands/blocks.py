"""Block numbers as people write them."""

from __future__ import annotations

import re

from avss_core.errors import SettingError

_MOST_BLOCKS = 10_000  # more than any model has; `0-999999999` is a slip of the keyboard


def parse_blocks(text: str) -> tuple[int, ...]:
    """Read `3,4,5`, and `3-5` for a stretch; SettingError for anything else."""
    blocks: set[int] = set()
    for part in text.split(","):
        stretch = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", part.strip())
        first, last = (int(stretch[1]), int(stretch[2] or stretch[1])) if stretch else (1, 0)
        if not first <= last < _MOST_BLOCKS:
            raise SettingError(f"Blocks to remove are numbers such as 3,4,5 or 3-5; {part.strip()!r} is none.")
        blocks.update(range(first, last + 1))
    return tuple(sorted(blocks))
