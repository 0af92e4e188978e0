"""What a healing leaves in a folder, for later evaluation, export and download. No torch here."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avss_core.errors import ResourceError, RunError
from avss_core.pruning.healing.linear_map import LinearHealing, LinearMap
from avss_core.pruning.healing.maps_file import read_maps, write_maps


@dataclass(frozen=True)
class HealedFiles:
    """maps.npz with maps.json, adapter/ and control-adapter/ (as peft reads them) with training.json.

    Each JSON is written last, so where it is, what it tells of is whole.
    """

    folder: Path

    @property
    def maps(self) -> Path:
        """The maps that help, which may be none."""
        return self.folder / "maps.npz"

    @property
    def adapter(self) -> Path:
        """The adapters of the pruned model (with its maps)."""
        return self.folder / "adapter"

    @property
    def control_adapter(self) -> Path:
        """The adapters of the unpruned model that was given the same training."""
        return self.folder / "control-adapter"

    def keep_maps(self, healing: LinearHealing) -> None:
        """Write maps and what is known of them, but for the trials; ResourceError when that cannot be done."""
        with _explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.maps.with_suffix(".partial")
        write_maps(healing.maps, partial)
        about = {**healing.to_dict(), "helps": healing.helps, "sentence": healing.sentence}
        del about["trials"]
        with _explained(self.folder):
            partial.replace(self.maps)
        self._write("maps.json", about)

    def linear_maps(self) -> tuple[LinearMap, ...]:
        """The fitted maps; none where none were asked for, or none helps. RunError when the file is damaged."""
        return read_maps(self.maps) if self.about_maps() is not None else ()

    def about_maps(self) -> dict[str, Any] | None:
        """What `LinearHealing.to_dict` tells but for the trials, with `helps` and `sentence`; None before the fit."""
        return self._read("maps.json")

    @property
    def parameters_added(self) -> int:
        """By the maps that stay modules of their own; adapters are merged into weights that are there."""
        return int((self.about_maps() or {}).get("parameters_added", 0))

    def keep_training(self, about: dict[str, Any]) -> None:
        """Say that training is over and its adapters are whole."""
        self._write("training.json", about)

    def about_training(self) -> dict[str, Any] | None:
        """`steps`, `steps_asked`, `tokens`, `seconds`, `sentence`, `curve`; None while training is not over."""
        return self._read("training.json")

    def forget_training(self) -> None:
        """Take away what an earlier training left."""
        with _explained(self.folder):
            (self.folder / "training.json").unlink(missing_ok=True)
            for adapters in (self.adapter, self.control_adapter):
                shutil.rmtree(adapters, ignore_errors=True)

    def _write(self, name: str, about: dict[str, Any]) -> None:
        partial = self.folder / f"{name}.partial"
        with _explained(self.folder):
            partial.write_text(json.dumps(about))
            os.replace(partial, self.folder / name)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            about: dict[str, Any] = json.loads((self.folder / name).read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RunError(f"{self.folder / name} cannot be read ({error}); delete the run and heal again.") from error
        return about


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise ResourceError(f"The healing cannot be kept in {folder} ({reason}); free some space there.") from error
