"""What a worker process needs before its first job: slow imports, and the numba kernel's compiled code.

A worker of ours starts with them in the background (this file is its preload); any other worker does them when its
first job comes. Either way one thread at a time imports: transformers' lazy modules break when two do.
"""

from __future__ import annotations

import importlib
import signal
import threading
from contextlib import suppress
from types import ModuleType

SLOW_TO_IMPORT = ("torch", "transformers", "avss_core.jobs.driver", "avss_core.activations.accumulators")

_importing = threading.Lock()


def dask_setup(_worker: object) -> None:
    """Called by the worker when it starts."""
    # Ctrl-C reaches every process of a terminal's group; the worker's end is for the process that started it to decide.
    with suppress(ValueError):  # not in the main thread: then no signal comes here anyway
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_in_background, name="warm-up", daemon=True).start()


def import_all() -> None:
    """Return when everything is imported, by this thread or by another one."""
    with _importing:
        for name in SLOW_TO_IMPORT:
            importlib.import_module(name)


def import_later(name: str) -> ModuleType:
    """A slow module that few jobs need, when one of them comes; one thread at a time here too."""
    with _importing:
        return importlib.import_module(name)


def _in_background() -> None:
    with suppress(ImportError):  # the first job meets it again, and tells
        import_all()
