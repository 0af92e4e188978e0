"""A healed cut judged like any other: the whole model, the cut and the healed cut on a task, with intervals."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from avss_core.figures.before_after import before_after
from avss_core.jobs import EvaluateRequest, HealRequest
from avss_core.jobs.metric_outcomes import outcomes_in
from avss_core.pruning import Cut
from avss_core.pruning.outcome import Outcome
from avss_core.runs import Run
from avss_core.tasks import task_named
from pages.parts.choose_task import choose_task
from pages.parts.engine import store
from pages.parts.evaluate_cuts import evaluate
from pages.parts.judged_text import documents_judged, warn_of_judged_text
from pages.parts.prune_outcome import interval_of
from pages.parts.show import show_figure
from pages.parts.start_job import draw_job

PLAIN, HEALED = "heal-task-plain", "heal-task-healed"
STATES = ("whole model", "the cut", "healed cut")


def evaluate_all(plain: EvaluateRequest, healed: EvaluateRequest) -> None:
    """Submit what has not been evaluated before (for callbacks): the two plain models together, the healed one."""
    evaluate(plain, PLAIN)
    evaluate(replace(healed, cuts=healed.cuts[1:]), HEALED)


def draw_task(profile: Run, healing: Run, cut: Cut) -> None:
    """The task, the button, the progress, and what was found. profile: of the same model, whose text is held out.

    healing: a finished healing run of this cut.
    """
    st.subheader("How does it do on a task?", anchor=False)
    task, corpus = choose_task(profile, "heal-evaluation")
    plain = EvaluateRequest(HealRequest.from_dict(healing.spec).model, corpus, task, ((), cut.removed))
    healed = replace(plain, healing=healing.id)
    st.button(
        "Evaluate",
        key="heal-evaluate",
        icon=":material/play_arrow:",
        on_click=evaluate_all,
        args=(plain, healed),
        help="The whole model, the cut and the healed cut, on documents or examples that were not profiled.",
    )
    warn_of_judged_text(plain, {"The healing": HealRequest.from_dict(healing.spec).corpus})
    for name in (PLAIN, HEALED):
        draw_job(name)
    keys = (plain.evaluation_key(()), plain.evaluation_key(cut.removed), healed.evaluation_key(cut.removed))
    if not all(map(store().has_evaluation, keys)):
        st.caption("The three have not been evaluated on this yet.")
        return
    alone, mended = _outcomes(keys, healing.created, plain, healed)
    table = states_table(alone, mended)
    show_figure(before_after(table, title="Whole model, cut, healed cut"), table, "healed-task")
    st.dataframe(table, hide_index=True)
    kept = [
        f"{state} {each[0].retained:.1%} ({interval_of(each[0])})"
        for state, each in zip(STATES[1:], (alone, mended), strict=True)
    ]
    st.caption(f"Retained: {', '.join(kept)}, over {documents_judged(plain, mended[0].after.n)}.")


@st.cache_data(show_spinner=False, max_entries=64)
def _outcomes(
    keys: tuple[str, ...], created: float, _plain: EvaluateRequest, _healed: EvaluateRequest
) -> tuple[tuple[Outcome, ...], tuple[Outcome, ...]]:
    """What the cut and the healed cut retain of the whole model. created: a healing made again has its old keys."""
    del keys, created
    removed = _plain.cuts[1]
    return outcomes_in(store(), _plain, removed, "healed"), outcomes_in(store(), _healed, removed, "healed")


def states_table(alone: tuple[Outcome, ...], mended: tuple[Outcome, ...]) -> pd.DataFrame:
    """Three rows a metric: state, task, metric, value, low, high, n, and what is retained with its interval."""
    rows = []
    for plain, healed in zip(alone, mended, strict=True):
        metric = task_named(plain.before.task).metric(plain.before.metric).pretty_name
        for state, evaluation, outcome in zip(
            STATES, (plain.before, plain.after, healed.after), (None, plain, healed), strict=True
        ):
            kept = (
                (None, None, None)
                if outcome is None
                else (outcome.retained, outcome.retained_low, outcome.retained_high)
            )
            rows.append(
                {
                    "state": state,
                    **evaluation.to_dict(),
                    "metric": metric,
                    **dict(zip(("retained", "retained_low", "retained_high"), kept, strict=True)),
                }
            )
    return pd.DataFrame(rows)
