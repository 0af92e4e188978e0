"""End a training early and have what it reached evaluated; to cancel would evaluate nothing. No torch here."""

from __future__ import annotations

from avss_core.runs import Store
from avss_core.runs.database import explained

_NAME = "stop-training"


def stop_training(store: Store, run_id: str) -> None:
    """Ask the latest attempt of a healing to make no further step after the one it is at."""
    file = store.folder / run_id / _NAME
    with explained(store.folder):
        file.parent.mkdir(exist_ok=True)
        file.write_text(str(store.run(run_id).attempt))


def is_to_stop(store: Store, run_id: str) -> bool:
    """Whether the latest attempt was asked to; a wish for an earlier one does not count any more."""
    file = store.folder / run_id / _NAME
    return file.is_file() and file.read_text() == str(store.run(run_id).attempt)
