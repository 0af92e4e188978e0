"""Several searches on the same text, laid over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from avss_core.figures.retained import retained_curve
from avss_core.jobs.results import still_to_do
from avss_core.jobs.search_results import costs_of, cuts_of
from avss_core.tasks import task_named
from pages.parts.engine import store
from pages.parts.evaluate_cuts import evaluate, follow_evaluation
from pages.parts.outcomes import cuts_frame
from pages.parts.search_found import Found
from pages.parts.show import show_figure
from pages.parts.start_job import draw_job
from pages.parts.told_apart import told_apart

HELD_OUT, SEARCHED = "held-out text", "text of the search"
MOST = 6


def draw_overlay(searches: Sequence[Found], n_blocks: int, job: str) -> None:
    """Retained against removed for each search that has a step, and a table of what each found and cost.

    job: the name that an evaluation of cuts on held-out text is started under, and followed here.
    """
    with_steps = [search for search in searches if search.steps]
    if not with_steps:
        return
    st.subheader("Searches on this text", anchor=False)
    names = {search.run.id: search for search in with_steps}
    labels = told_apart({name: search.label for name, search in names.items()})
    chosen = _choose_laid_over(labels, with_steps[0].request.evaluation().evaluation_key(()))
    text = st.segmented_control(
        "Judged on",
        [HELD_OUT, SEARCHED],
        default=HELD_OUT,
        key="search-text",
        wrap=True,
        persist_state="session",
        required=True,
    )
    shown = [names[run_id] for run_id in chosen]
    if text == SEARCHED:
        st.caption("The text that the cuts were chosen on flatters them: each is the best of many there.")
    elif shown:
        _offer_judging(shown, job)
    follow_evaluation(with_steps[0].judged, job)
    draw_job(job)
    if not shown:
        return
    frame = overlay_frame(shown, held_out=text != SEARCHED)
    name = task_named(with_steps[0].request.task).pretty_name.lower()
    show_figure(retained_curve(frame, n_blocks=n_blocks, task=name, title=f"Retained on {text}"), frame, "searches")
    st.dataframe(summary(shown), hide_index=True)


def _choose_laid_over(labels: Mapping[str, str], text: str) -> list[str]:
    """Draw which searches are laid over one another: at first the newest; one that is new since comes to the others.

    labels: by the ids of the runs, the newest first. text: what they have in common, for which each choice is kept.
    """
    key = f"search-overlay-{text}"
    chosen = [each for each in st.session_state.get(key, ()) if each in labels]
    new = [each for each in labels if each not in st.session_state.get(f"{key}-offered", ())]
    # Said anew each time, since the browser knows searches by labels that may be old.
    st.session_state[key] = [*chosen, *new[: max(0, MOST - len(chosen))]]
    st.session_state[f"{key}-offered"] = tuple(labels)
    return st.multiselect(
        "Searches to lay over one another",
        list(labels),
        key=key,
        format_func=labels.__getitem__,
        persist_state="session",
    )


def _offer_judging(shown: Sequence[Found], job: str) -> None:
    """A button that judges all the cuts of these searches together, which runs what they share once."""
    every = tuple(dict.fromkeys(cut for search in shown for cut in search.judged.cuts))
    request = replace(shown[0].judged, cuts=every)
    left = still_to_do(store(), request).cuts
    if left:
        st.button(
            f"Judge all {len(left)} cuts that are left on held-out text",
            key="search-judge-all",
            icon=":material/balance:",
            on_click=evaluate,
            args=(request, job),
        )


def overlay_frame(searches: Sequence[Found], held_out: bool) -> pd.DataFrame:
    """One row a search and cut that has been evaluated, as `figures.retained` draws it."""
    frames, labels = [], [search.label for search in searches]
    for search in searches:
        twin = f" · {search.run.id[:6]}" if labels.count(search.label) > 1 else ""
        request = search.judged if held_out else search.request.evaluation()
        frames.append(cuts_frame(request, {search.label + twin: cuts_of(search.steps)}))
    return pd.concat(frames, ignore_index=True)


def summary(searches: Sequence[Found]) -> pd.DataFrame:
    """One row a search: where it ended, what that retains, what it cost against one model at a time."""
    rows = []
    for search in searches:
        last, costs = search.steps[-1], costs_of(search.records)
        judged = search.held_out()
        at_end = judged.loc[judged["number"] == last.number, "retained"]
        rows.append(
            {
                "search": search.request.settings.label,
                "run": search.run.status,
                "steps": last.number,
                "removed": len(last.removed),
                "retained": last.retained,
                "retained, held out": float(at_end.iloc[0]) if len(at_end) else None,
                "block runs": costs["block_runs"],
                "without sharing": costs["block_runs_naive"],
                "to score blocks": costs["importance_block_runs"],
                "cuts": costs["cuts"],
                "seconds": search.run.seconds,
                "ended": "" if last.stop is None else str(last.stop),
            }
        )
    return pd.DataFrame(rows)
