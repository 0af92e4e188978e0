"""Loaded by a worker process at its start, so that the first job does not wait for imports and compilation.

The imports run in the background, and a job that comes sooner waits for them: importing the same packages from two
threads at once is not safe.
"""

from __future__ import annotations

import importlib
import threading

SLOW_TO_IMPORT = ("torch", "transformers", "avss_core.jobs.driver", "avss_core.activations.fused_kernel")

_thread: threading.Thread | None = None


def dask_setup(_worker: object) -> None:
    """Called by the worker when it starts."""
    global _thread
    _thread = threading.Thread(target=_import_all, name="warm-up", daemon=True)
    _thread.start()


def wait() -> None:
    """Return when the background imports, if there are any, are over."""
    if _thread is not None:
        _thread.join()


def _import_all() -> None:
    for name in SLOW_TO_IMPORT:
        importlib.import_module(name)
