"""What a seed may be."""

from __future__ import annotations

from avss_core.errors import SettingError


def require_seed(seed: int) -> None:
    """Raise SettingError for a seed that not all generators take (NumPy's take none below 0, torch's end)."""
    if not 0 <= seed < 2**63:
        raise SettingError(f"The seed must be 0 or more and below 2**63, not {seed}.")
