"""Results of long measurements in a file, so that one that was broken off goes on from where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Kept:
    """A JSON file of results by name; the file belongs to one setting of a benchmark."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._values: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}

    def get(self, name: str, compute: Callable[[], Any]) -> Any:
        """What is kept under a name; computed, told with its seconds and written when it is not (JSON types)."""
        if name not in self._values:
            started = time.perf_counter()
            # Through JSON, so that a fresh result and one that was read are the same.
            self._values[name] = json.loads(json.dumps(compute()))
            print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
            self.file.parent.mkdir(parents=True, exist_ok=True)
            partial = self.file.with_suffix(".partial")
            partial.write_text(json.dumps(self._values))
            partial.replace(self.file)
        return self._values[name]
