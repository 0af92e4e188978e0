"""`avss doctor`: what works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import typer

from avss_core import __version__
from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.errors import AvssError
from avss_core.jobs.contact import running_address
from avss_core.models.cache import cache_folder
from avss_core.models.package import GGUF_SHA256
from avss_core.runs import Store

PACKAGES = ("torch", "transformers", "datasets", "distributed", "numba", "pandas", "plotly", "sqlalchemy", "streamlit")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_ROOM_FOR_THE_DEFAULT_MODEL = 700e6  # bytes


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. needed: nothing works without it; advice: what to do where it does not work."""

    what: str
    works: bool
    found: str
    advice: str = ""
    needed: bool = True


def doctor(store: o.StoreUrl = None, as_json: o.Json = False) -> None:
    """Look at versions, device, cores, folders, store, workers and browser, and say what to do.

    Ends with status 1 when something that is needed does not work.
    """
    findings = [
        _python(),
        *(_package(name) for name in PACKAGES),
        _attempt("device", _device, "give --device cpu"),
        _attempt("cores", _cores, ""),
        _attempt("cache folder", _cache, "set AVSS_CACHE to a folder that you can write to"),
        _default_model(),
        _attempt("store", lambda: f"{Store(store)}, {len(Store(store).runs(limit=None))} runs", "give another --store"),
        _workers(store),
        _browser(),
    ]
    table = pd.DataFrame(
        [
            {"": "works" if one.works else "missing", "what": one.what, "found": one.found, "what to do": one.advice}
            for one in findings
        ]
    )
    healthy = all(one.works for one in findings if one.needed)
    answer({"healthy": healthy, "findings": [asdict(one) for one in findings]}, as_json, table)
    if not healthy:
        raise typer.Exit(1)


def _attempt(what: str, look: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(what, True, look())
    except (AvssError, ImportError, OSError) as error:
        return Finding(what, False, str(error), advice)


def _python() -> Finding:
    return Finding("python", True, f"{platform.python_version()}, avss {__version__}, {platform.platform()}")


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, "not installed", "make install, or pip install -r requirements.txt")


def _device() -> str:
    from avss_core.models.device import choose_device, choose_dtype  # torch, needed only here

    device = choose_device("auto")
    return f"auto is {device}, {str(choose_dtype('auto', device)).removeprefix('torch.')}"


def _cores() -> str:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable}, of which torch uses {torch.get_num_threads()}"


def _cache() -> str:
    folder = cache_folder()
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written")
    return f"{folder}, {shutil.disk_usage(folder).free / 1e9:.1f} GB free"


def _default_model() -> Finding:
    what = "default model"
    try:
        folder = cache_folder()
        if any((folder / "models").glob(f"*-{GGUF_SHA256[:12]}/model.safetensors")):
            return Finding(what, True, "in the cache", needed=False)
        room = shutil.disk_usage(folder).free
    except AvssError as error:
        return Finding(what, False, str(error), needed=False)
    little = room < _ROOM_FOR_THE_DEFAULT_MODEL
    advice = f"make room in {folder}" if little else "it is fetched at first use; `avss models` does it now"
    return Finding(what, False, "not in the cache yet", advice, needed=False)


def _workers(store: str | None) -> Finding:
    what = "workers"
    try:
        address = running_address(Store(store))
    except AvssError as error:
        return Finding(what, False, str(error), "unset AVSS_SCHEDULER to run jobs on this machine")
    return Finding(what, True, f"running at {address}" if address else "none running; each command starts its own")


def _browser() -> Finding:
    found = next(filter(None, map(shutil.which, BROWSERS)), None) or _browser_of_playwright()
    if found:
        return Finding("chromium (for the tests)", True, found, needed=False)
    advice = "apt-get install chromium, or playwright install chromium"
    return Finding("chromium (for the tests)", False, "none on the PATH", advice, needed=False)


def _browser_of_playwright() -> str | None:
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return next((str(folder) for folder in sorted(cache.glob("chromium-*"))), None)
