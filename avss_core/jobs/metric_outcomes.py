"""What a cut does to a task by every metric the task has. No torch here: the pages and the shell read the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from avss_core.jobs.requests import EvaluateRequest
from avss_core.jobs.results import before_and_after, parameters_added
from avss_core.pruning import Cut
from avss_core.pruning.outcome import Outcome, outcome_of
from avss_core.runs import Store
from avss_core.tasks import task_named


def outcomes_in(store: Store, request: EvaluateRequest, removed: tuple[int, ...], reason: str) -> tuple[Outcome, ...]:
    """Compare the kept evaluation of a cut with that of the unpruned model: one outcome for each metric of the task.

    The first is the metric that is meant where only one is shown. Raises RunError when one of the two is not kept, or
    nothing is known of the model.
    """
    (before, after, facts), task = before_and_after(store, request, removed), task_named(request.task)
    cut = Cut(removed, facts["blocks"], reason)
    parameters = facts["block_parameters"], facts["parameters"], parameters_added(store, request, removed)
    return tuple(
        outcome_of(cut, (old, before.examples), (new, after.examples), *parameters)
        for old, new in zip(task.summarise_all(before.examples), task.summarise_all(after.examples), strict=True)
    )


def answer_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The first outcome as JSON types; of a task with several metrics also `metrics`, each by its name."""
    values = outcomes[0].to_dict()
    if len(outcomes) > 1:
        values["metrics"] = {
            outcome.before.metric: {
                "before": outcome.before.to_dict(),
                "after": outcome.after.to_dict(),
                "retained": outcome.retained,
                "retained_low": outcome.retained_low,
                "retained_high": outcome.retained_high,
            }
            for outcome in outcomes
        }
    return values
