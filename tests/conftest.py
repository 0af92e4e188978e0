"""What tests of several folders share: a tiny model on disk, and workers that run jobs on it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random Llama of three blocks."""
    from tiny_model import save_tiny_model  # torch; tests that need no model do not wait for it

    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def workers() -> Iterator[str]:
    """The address of a scheduler with one worker process, as `avss serve` would start it."""
    from avss_core.jobs.cluster import local_cluster

    with local_cluster() as address:
        yield address


@pytest.fixture(autouse=True, scope="session")
def _interrupts_are_heard() -> None:
    """A job in a shell's background ignores Ctrl-C, and so would all that tests start and then interrupt."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_main_module() -> Iterator[None]:
    """Streamlit's AppTest leaves a page as `__main__`, and a process that a later test spawns would run that page."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
