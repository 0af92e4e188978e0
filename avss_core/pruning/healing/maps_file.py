"""Fitted maps as one file (NumPy's .npz), so that a healing need not be fitted again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from avss_core.errors import ResourceError, RunError
from avss_core.pruning.healing.linear_map import LinearMap
from avss_core.pruning.healing.stretches import Stretch


def write_maps(maps: Sequence[LinearMap], path: str | Path) -> None:
    """Write all maps of a cut. Raises ResourceError when the file cannot be written."""
    about = [
        {"stretch": asdict(m.stretch), "reads": m.reads, "projection": m.projection, "shrinkage": m.shrinkage}
        for m in maps
    ]
    arrays: dict[str, Any] = {"about": np.array(json.dumps(about))}
    for number, each in enumerate(maps):
        arrays[f"weight{number}"] = each.weight
        if each.offset is not None:
            arrays[f"offset{number}"] = each.offset
    try:
        with Path(path).open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise ResourceError(
            f"The maps could not be written to {path} ({error}); choose a place with enough free space."
        ) from error


def read_maps(path: str | Path) -> tuple[LinearMap, ...]:
    """Read what `write_maps` wrote. Raises RunError when the file is missing or is something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return tuple(
                LinearMap(
                    Stretch(**each["stretch"]),
                    each["reads"],
                    each["projection"],
                    file[f"weight{number}"],
                    file.get(f"offset{number}"),
                    each["shrinkage"],
                )
                for number, each in enumerate(json.loads(str(file["about"])))
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise RunError(f"{path} does not hold fitted maps ({error}); fit them again.") from error
