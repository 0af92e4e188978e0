"""A run under way: what it is doing, how far it is, and the button that ends it."""

from __future__ import annotations

import time

import streamlit as st

from avss_core.jobs import ProfileRequest
from avss_core.runs import Run
from pages.parts.engine import jobs, store

# What a kind of run calls its units; shards of text where nothing is said.
UNIT_OF = {"search": "step", "heal": "part", "mitigate": "part", "table1": "step"}


def follow(run_id: str, name: str) -> Run:
    """Draw the state of a run as it is now and return it. `name` keeps the keys of two followed runs apart."""
    run = jobs().follow(run_id)
    finished, called = store().units(run.id), UNIT_OF.get(run.kind, "shard")
    if run.ended:
        _draw_end(run)
        return run
    word = jobs().progress(run.id)
    share = len(finished) / run.n_units if run.n_units else 0.0
    tokens = sum(unit.tokens for unit in finished)
    seconds = sum(unit.seconds for unit in finished)
    speed = f" · {tokens / seconds:,.0f} tokens/s" if seconds > 0 else ""
    of = f"{called} {len(finished)} of {run.n_units} · {tokens:,} tokens{speed}" if run.n_units else "preparing"
    of = "" if run.n_units == 1 and not finished else f" · {of}"
    bar, button = st.columns([6, 1], vertical_alignment="bottom")
    bar.progress(min(share, 1.0), text=f"{word.stage if word else 'waiting for the worker'}{of}")
    button.button(
        "Cancel", key=f"cancel-{name}-{run.id}", icon=":material/stop_circle:", on_click=jobs().cancel, args=(run.id,)
    )
    return run


def _draw_end(run: Run) -> None:
    when = time.strftime("%d %b %H:%M", time.localtime(run.finished or run.created))
    if run.status == "done":
        early = ""
        if run.kind == ProfileRequest.kind and "stopped_after" in run.facts:
            early = (
                f" after {run.facts['stopped_after']} of {run.n_units} shards, since the set of lowest blocks is stable"
            )
        st.caption(f"Finished {when}, in {run.seconds or 0:.1f} s{early}.")
    elif run.status == "cancelled":
        st.warning(run.error or "Cancelled.", icon=":material/stop_circle:")
    else:
        st.error(run.error or f"The run is {run.status}.", icon=":material/error:")
