"""EAVSS beside the estimators: how sure the model is after contrastive training on its blocks of highest HCS. No torch.

The training learns from one half of the questions, so it is measured on the other half alone, and says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from avss_core.errors import AvssError
from avss_core.hallucination.confidence_table import measured
from avss_core.hallucination.judge import DEFAULT_JUDGE
from avss_core.hallucination.metrics import metrics_for
from avss_core.jobs.mitigate_results import EAVSS, mitigated, trained_name
from avss_core.jobs.requests import AnswersRequest, MitigateRequest
from avss_core.runs import Run, Store

PRETTY_NAME = "EAVSS (held-out half)"
NOT_TRAINED = (
    "Not measured yet: no contrastive training on the blocks of highest HCS has finished for these questions; "
    "`avss mitigate` or the view Mitigation trains."
)


def newest_eavss(store: Store, answers: AnswersRequest) -> Run | None:
    """The newest finished training of this model on these questions whose blocks are those of highest HCS.

    None when there is none, or when its held-out questions are not answered any more by the model before it.
    """
    for run in store.runs(MitigateRequest.kind, limit=None):
        if run.status != "done":
            continue
        request = MitigateRequest.from_dict(run.spec)
        on_its_device = replace(answers, model=replace(answers.model, device=request.model.device))
        same = request.answers == on_its_device
        if same and trained_name(request.settings) == EAVSS and _stands(store, run, request):
            return run
    return None


def _stands(store: Store, run: Run, request: MitigateRequest) -> bool:
    """Whether the same would be asked today (the file of questions may have changed, or be gone), and was answered."""
    try:
        same, before = request.run_id() == run.id, store.find_run(request.held_out.run_id())
    except AvssError:
        return False
    return same and before is not None and before.status == "done"


def eavss_row(
    store: Store, run: Run | None, judge: str = DEFAULT_JUDGE, q: float = 0.5, p: float = 0.5, seed: int = 0
) -> dict[str, Any]:
    """The row of `newest_eavss`, with the keys of `confidence_rows`, on the held-out half of the questions.

    Without a run it has n = 0 and says in note what is missing. Raises what `mitigated` raises.
    """
    if run is None:
        none = np.empty(0)
        row = measured(none, none, metrics_for(q, p), seed)
        return {"estimator": EAVSS, "pretty_name": PRETTY_NAME, **row, "no_number": 0, "note": NOT_TRAINED}
    found = mitigated(store, run.id, judge, seed, q, p)
    row = next(row for row in found.estimators if row["estimator"] == EAVSS)
    of = (
        f"The trained model's sequence probability on {len(found.after.frame)} held-out questions (run {run.id}); the "
        "other rows are of the untrained model on the questions asked. A training takes up to that many from each half "
        "of the source, so the two are not the same questions."
    )
    return {**row, "pretty_name": PRETTY_NAME, "note": f"{of} {row['note']}".strip()}
