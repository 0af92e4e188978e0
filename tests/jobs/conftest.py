"""A store of its own for every test, and its connection to the shared workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from avss_core.jobs import Jobs
from avss_core.runs import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "runs.db"))


@pytest.fixture
def jobs(store: Store, workers: str) -> Iterator[Jobs]:
    connected = Jobs(store, workers)
    yield connected
    connected.close()
