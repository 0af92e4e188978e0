"""What a seed may be."""

from __future__ import annotations

from avss_core.errors import SettingError


def require_seed(seed: int) -> None:
    """Raise SettingError for a seed that no generator takes."""
    if seed < 0:
        raise SettingError(f"The seed must be 0 or more, not {seed}.")
