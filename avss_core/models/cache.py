"""Where downloaded and converted models are kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from avss_core.errors import ResourceError


def cache_folder() -> Path:
    """`$AVSS_CACHE`, else the user's cache folder of the platform; made when it is not there yet.

    Raises ResourceError when it cannot be made.
    """
    chosen = os.environ.get("AVSS_CACHE")
    folder = Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("avss", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            f"The cache folder {folder} cannot be made ({error.strerror}); set AVSS_CACHE to a folder you can write to."
        ) from error
    return folder
