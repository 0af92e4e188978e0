"""The table itself, from what is in the store so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from avss_core.jobs.requests import EvaluateRequest
from avss_core.jobs.table1.cuts import cuts_of_row, evaluation_left, facts_of_row, kept_evaluation
from avss_core.jobs.table1.requests import Blocks, method_of, methods_of, original_of
from avss_core.pruning import Cut, parameter_reduction
from avss_core.runs import Store
from avss_core.studies.at_hand import missing_model, missing_text
from avss_core.studies.table1 import ORIGINAL, Row, Table1Study
from avss_core.studies.table1_cell import mean_cell, whole_model
from avss_core.tasks import task_named

COLUMNS = (
    "whose",
    "model",
    "task",
    "data_set",
    "metric",
    "higher_is_better",
    "method",
    "value",
    "low",
    "high",
    "document_low",
    "document_high",
    "retained",
    "retained_low",
    "retained_high",
    "retained_document_low",
    "retained_document_high",
    "repeats",
    "parameter_reduction",
    "removed",
    "note",
)


def table1_frame(store: Store, study: Table1Study) -> pd.DataFrame:
    """One row a cell, the columns `COLUMNS`; a cell that is not there yet, or cannot be, has nan and a `note`.

    whose: `ours`. low, high: the 95 % t interval over samples; document_low, document_high: the bootstrap's over
    held-out documents. removed: which blocks, and on how many samples each set of them was chosen.
    """
    cells = [cell for row in study.rows() for cell in _cells(store, study, row)]
    frame = pd.DataFrame(cells, columns=list(COLUMNS))
    return frame.assign(note=frame["note"].fillna(""), removed=frame["removed"].fillna(""))


def _cells(store: Store, study: Table1Study, row: Row) -> list[dict[str, Any]]:
    task = task_named(row.task)
    metric = task.metric()
    head = {
        "whose": "ours",
        "model": row.model.source,
        "task": row.task,
        "data_set": row.data_set,
        "metric": metric.name,
        "higher_is_better": metric.higher_is_better,
    }
    request, facts = original_of(row), facts_of_row(store, row)
    before = kept_evaluation(store, request, ())
    if facts is None or before is None:
        note = _why_not(store, row)
        return [{**head, "method": method, "note": note} for method in (ORIGINAL, *study.methods)]
    cells = [{**head, "method": ORIGINAL, **whole_model(task, before.examples).to_dict(), "parameter_reduction": 0.0}]
    cuts = cuts_of_row(store, study, row, facts)
    able = methods_of(study, facts)
    for method in study.methods:
        if method not in able:
            cells.append({**head, "method": method, "note": f"needs {method_of(method).asks}"})
            continue
        found = [of_sample[method] for of_sample in cuts if method in of_sample]
        failed = [reason for reason in found if isinstance(reason, str)]
        chosen = [cut for cut in found if isinstance(cut, tuple)]
        cell = _cell(store, request, before.examples, chosen, facts)
        wanted = len(chosen) if failed else study.repeats
        if failed:
            cell["note"] = f"{len(failed)} of {study.repeats} samples failed: {failed[0]}"
        elif cell.get("repeats", 0) < wanted:
            left = evaluation_left(store, row, cuts, (method,))
            error = _error_of(store, left) or _error_of(store, evaluation_left(store, row, cuts, able))
            cell["note"] = f"{cell.get('repeats', 0)} of {wanted} samples" + (f": {error}" if error else " so far")
        cells.append({**head, "method": method, **cell})
    return cells


def _cell(
    store: Store, request: EvaluateRequest, before: pd.DataFrame, cuts: Sequence[Blocks], facts: dict[str, Any]
) -> dict[str, Any]:
    """The mean over those cuts that have been evaluated; empty when none has."""
    kept = [(cut, found) for cut in cuts if (found := kept_evaluation(store, request, cut)) is not None]
    if not kept:
        return {}
    cell = mean_cell(task_named(request.task), before, [found.examples for _, found in kept])
    reductions = [
        parameter_reduction(Cut(cut, facts["blocks"], "table 1"), facts["block_parameters"], facts["parameters"]).of_all
        for cut, _ in kept
    ]
    times = Counter(" ".join(map(str, cut)) or "none" for cut, _ in kept)
    return {
        **cell.to_dict(),
        "parameter_reduction": sum(reductions) / len(reductions),
        "removed": "; ".join(f"{blocks} ({count}×)" for blocks, count in times.most_common()),
    }


def _why_not(store: Store, row: Row) -> str:
    """What is wrong with a row whose whole model has not been evaluated."""
    error = _error_of(store, original_of(row))
    missing = [
        what
        for what, is_missing in (
            (row.model.source, missing_model(row.model)),
            (row.held_out.source, missing_text(row.held_out)),
        )
        if is_missing
    ]
    if missing:
        return f"not at hand: {' and '.join(missing)}" + (f" ({error})" if error else "")
    return error or "not run yet"


def _error_of(store: Store, request: EvaluateRequest) -> str | None:
    run = store.find_run(request.run_id())
    return run.error if run is not None and run.status in ("failed", "interrupted") else None
