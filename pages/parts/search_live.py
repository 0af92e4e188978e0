"""One search, step by step: under way or ended."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.figures.search import steps_figure
from avss_core.figures.strip import network_strip
from avss_core.jobs.search_results import costs_of
from avss_core.pruning.search import Decision
from avss_core.tasks import task_named
from pages.parts.engine import jobs, store
from pages.parts.search_found import Found, found
from pages.parts.show import show_figure
from pages.parts.trouble import told_in_a_box

POLL_SECONDS = 1.0
HELD_OUT = ("value", "low", "high", "n", "retained", "retained_low", "retained_high")
SHOWN_COLUMNS = {
    "number": "step",
    "candidate": "block tried",
    "decision": "decision",
    "drop": "drop",
    "delta": "δ",
    "cumulative_loss": "cumulative loss",
    "retained": "retained",
    "held_out_retained": "retained, held out",
    "blocks": "removed so far",
    "block_runs": "block runs so far",
    "block_runs_naive": "without sharing",
    "stop": "stop",
}


def draw_search(run_id: str, held_out: CorpusSpec) -> None:
    """Draw a search; while it runs, in a fragment that grows with its steps, and at its end the page is drawn anew."""
    ended = store().run(run_id).ended
    st.fragment(_draw, run_every=None if ended else POLL_SECONDS)(run_id, held_out, ended)


def _draw(run_id: str, held_out: CorpusSpec, ended_before: bool) -> None:
    with told_in_a_box():
        run = store().run(run_id)
        if not run.ended:
            run = jobs().follow(run_id)
        if run.ended and not ended_before:
            st.rerun()
        shown = found(run_id, held_out)
        if run.ended:
            _draw_end(shown)
        else:
            _draw_progress(shown)
        draw_steps(shown)


def _draw_progress(shown: Found) -> None:
    run, done = shown.run, len(shown.records)
    word = jobs().progress(run.id)
    of = f" · {done} of at most {run.n_units} steps done" if run.n_units else ""
    bar, button = st.columns([6, 1], vertical_alignment="bottom")
    bar.progress(done / run.n_units if run.n_units else 0.0, text=f"{word.stage if word else 'waiting'}{of}")
    button.button(
        "Cancel", key=f"cancel-search-{run.id}", icon=":material/stop_circle:", on_click=jobs().cancel, args=(run.id,)
    )


def _draw_end(shown: Found) -> None:
    run = shown.run
    if run.status == "done":
        last = shown.steps[-1]
        st.caption(f"Ended after {last.number} steps and {run.seconds or 0:.1f} s: {last.stop}.")
    elif run.status == "cancelled":
        st.warning(
            f"Cancelled after {len(shown.records)} steps, which are kept; **Go on** continues with the next.",
            icon=":material/stop_circle:",
        )
    else:
        st.error(run.error or f"The search is {run.status}.", icon=":material/error:")


def draw_steps(shown: Found) -> None:
    """The strip of the network, the figure, the table, and what it cost."""
    n_blocks = int(shown.run.facts.get("blocks", 0))
    if not n_blocks:
        return
    steps, table, judged = shown.steps, shown.table, shown.held_out()
    removed = steps[-1].removed if steps else ()
    put_back = [getattr(step, "candidate", None) for step in steps if step.decision is Decision.PUT_BACK]
    protected = [block for block in shown.request.settings.limits.protected if block not in removed]
    st.plotly_chart(
        network_strip(n_blocks, removed, protected),
        key=f"search-strip-{shown.run.id}",
        config={"displayModeBar": False},
    )
    if put_back:
        st.caption(f"Put back for good: {', '.join(map(str, put_back))}.")
    metric = task_named(shown.request.task).metric()
    figure = steps_figure(
        table,
        judged,
        unpruned=steps[0].unpruned.value if steps else float("nan"),
        metric=metric.pretty_name,
        higher_is_better=metric.higher_is_better,
        title=f"Step by step: {shown.request.settings.label}",
    )
    show_figure(figure, with_held_out(table, judged), f"search-{shown.run.id}")
    st.dataframe(_for_people(table, judged), hide_index=True)
    if steps:
        _draw_costs(shown)


def with_held_out(table: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """The steps with what their cuts are worth on held-out text beside them, nan where that is not known.

    judged: `held_out_table` of the same steps.
    """
    by_number = judged.set_index("number")
    return table.assign(**{f"held_out_{name}": table["number"].map(by_number[name]) for name in HELD_OUT})


def _for_people(table: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    shown = with_held_out(table, judged)[list(SHOWN_COLUMNS)]
    return shown.rename(columns=SHOWN_COLUMNS).dropna(axis="columns", how="all")


def _draw_costs(shown: Found) -> None:
    costs = costs_of(shown.records)
    ratio = costs["block_runs"] / costs["block_runs_naive"]
    importance = f" and {costs['importance_block_runs']:,.0f} to score blocks" if costs["importance_block_runs"] else ""
    known = f"; {costs['cuts_recalled']:,} of them were known from before" if costs["cuts_recalled"] else ""
    st.caption(
        f"{costs['cuts']:,} cuts looked at{known}. Block runs (a block over the whole text): "
        f"{costs['block_runs']:,}{importance}, against {costs['block_runs_naive']:,} with each cut as a model of its "
        f"own ({ratio:.2f} ×)."
    )
