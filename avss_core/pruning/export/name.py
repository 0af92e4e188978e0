"""What an exported model's folder is called. No torch here."""

from __future__ import annotations

import re

from avss_core.pruning.cut import Cut
from avss_core.pruning.export.source import Source

_LONGEST = 150  # bytes of the original's name; file systems take 255 for a name, and a zip's partial file has more


def export_name(source: Source, cut: Cut) -> str:
    """The original's name with how many of its blocks are left, in letters that every file system takes."""
    plain = re.sub(r"[^\w.-]+", "-", source.name).encode()[:_LONGEST].decode(errors="ignore").strip(".-") or "model"
    return f"{plain}-{len(cut.kept)}-of-{cut.n_blocks}-blocks"
