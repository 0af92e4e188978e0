"""A training beside the same training of other blocks. No torch here."""

from __future__ import annotations

from avss_core.hallucination.honesty import Judged, honesty_change
from avss_core.hallucination.labels import paired_labels
from avss_core.jobs.mitigate_results import Mitigated


def rate_against(chosen: Mitigated, control: Mitigated, seed: int = 0) -> dict[str, float]:
    """Hallucination rate of the chosen training − that of a control, on the same held-out questions: `difference`, and
    its 95 % interval over questions in pairs, `low` and `high`. Below 0: the choice of blocks helps.

    By the judge alone: nobody labels the answers of trained models by hand.
    """
    request, frames = chosen.request, (control.after.frame, chosen.after.frame)
    labels = paired_labels(frames[0], frames[1], request.judge, {})
    theirs, ours = (Judged(*each) for each in zip(frames, labels, strict=True))
    change = honesty_change(theirs, ours, "the choice of blocks", request.site, request.epsilon, seed=seed)
    return {"difference": change.rate_change, "low": change.rate_change_low, "high": change.rate_change_high}
