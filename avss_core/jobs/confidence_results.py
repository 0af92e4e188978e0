"""Read what a run of kind "confidence" left in the store. No torch here."""

from __future__ import annotations

import pandas as pd

from avss_core.errors import RunError
from avss_core.jobs.requests import ConfidenceRequest
from avss_core.runs import Store


def confidence_frame(store: Store, run_id: str) -> pd.DataFrame:
    """All rows of a finished run, one a question, in the order of `answers_frame`; numbered from 0.

    example     the question's id
    verbalised  what the model wrote when asked for a percentage (`estimators.verbalised.parse` reads it)
    samples     list of the sampled answers' texts
    p_true      p(True) / (p(True) + p(False))

    Raises RunError for a run that is not done or of another kind.
    """
    run = store.run(run_id)
    if run.kind != ConfidenceRequest.kind:
        raise RunError(f"Run {run.id} is of kind {run.kind}, not of confidence; `avss runs list` shows the kinds.")
    if run.status != "done":
        raise RunError(f"Run {run.id} is {run.status}, so not all answers have a confidence; finish it first.")
    paths = [store.path_of(unit.file) for unit in store.units(run.id)]
    gone = [path for path in paths if not path.is_file()]
    if gone:
        raise RunError(f"The file {gone[0]} of this run is gone; delete the run and ask again.")
    frame = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    return frame.assign(samples=frame["samples"].map(list))


def finished_confidence(store: Store, request: ConfidenceRequest) -> pd.DataFrame | None:
    """The frame of a request, None while its run is not done."""
    run = store.find_run(request.run_id())
    return None if run is None or run.status != "done" else confidence_frame(store, run.id)
