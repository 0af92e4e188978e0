"""What all tests of pages share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

import psutil
import pytest
from streamlit.components.v2 import manifest_scanner

from avss_core.runs import Run


@pytest.fixture(autouse=True, scope="session")
def _packages_are_searched_once() -> Iterator[None]:
    """Each AppTest searches all files of all installed packages for components, which takes longer than most pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


class _AsStored:
    """Workers of whom nobody is asked: a run is what the store says of it."""

    @staticmethod
    def follow(run_id: str) -> Run:
        from pages.parts.engine import store

        return store().run(run_id)

    @staticmethod
    def progress(run_id: str) -> None:
        del run_id

    @staticmethod
    def cancel(run_id: str) -> None:
        del run_id


@pytest.fixture
def as_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs under way are followed on a page as the store has them, and no worker is looked for."""
    for module in ("follow", "search_live"):
        monkeypatch.setattr(f"pages.parts.{module}.jobs", lambda: _AsStored)


@pytest.fixture(autouse=True)
def _no_workers_left() -> Iterator[None]:
    """A page that finds no workers starts some, which outlive the test and take time from those that follow."""
    yield
    for process in psutil.Process(os.getpid()).children():
        with suppress(psutil.NoSuchProcess):  # it has ended by itself
            if process.cmdline()[-2:] == ["-m", "avss_core.jobs"]:
                process.terminate()
                process.wait(30)
