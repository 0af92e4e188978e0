"""The evaluation of a sweep: started, resumed, and drawn as it grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from avss_core.jobs import EvaluateRequest
from avss_core.jobs.results import begun
from avss_core.jobs.sweep_results import plain_outcomes, values_so_far
from avss_core.pruning.outcome import Outcome
from avss_core.pruning.sweep import Blocks, Sweep, random_table, sweep_table
from avss_core.runs import Run
from pages.parts.block_runs import block_runs
from pages.parts.engine import store
from pages.parts.evaluate_cuts import is_of, take_up
from pages.parts.outcomes import evaluations
from pages.parts.start_job import draw_job, start_job
from pages.parts.trouble import told_in_a_box

NAME = "sweep"
GROW_SECONDS = 3.0
Curve = Callable[[pd.DataFrame, pd.DataFrame], go.Figure]


def draw_start(run: Run, base: EvaluateRequest, sweep: Sweep) -> None:
    """The button, what the sweep costs, as one tree where the task can, and how much of it is known."""
    known = evaluations(base, sweep.cuts)
    left = replace(base, cuts=tuple(cut for cut in sweep.cuts if cut not in known))
    earlier = begun(store(), left) if left.cuts else None
    take_up(None if earlier is None else store().find_run(earlier.run_id()), NAME)
    button, words = st.columns([1, 4], vertical_alignment="center")
    button.button(
        "Start" if len(known) < 2 else "Go on" if left.cuts else "Done",
        type="primary",
        key="sweep-start",
        icon=":material/play_arrow:",
        on_click=start_job,
        args=(NAME, earlier or left),
        disabled=not left.cuts,
        help="Every cut on the held-out text. What is evaluated already is free; what a cancelled sweep has finished "
        "is kept.",
    )
    words.caption(
        f"{len(sweep.cuts)} different cuts: **{sweep.block_runs:,} block runs** {_shared(sweep)}. "
        f"{len(known)} are evaluated"
        + (f"; the others take {_duration(run, left, sweep.shares_prefixes)}." if left.cuts else ".")
    )


def _shared(sweep: Sweep) -> str:
    """What the number of block runs is made of."""
    if not sweep.shares_prefixes:
        return "with each as a model of its own, for each writes its own answers"
    return (
        f"as one prefix tree, {sweep.block_runs_naive:,} if each were a model of its own "
        f"({sweep.block_runs / max(1, sweep.block_runs_naive):.2f} ×)"
    )


def draw_progress(base: EvaluateRequest, sweep: Sweep, facts: dict[str, Any], curve: Curve) -> bool:
    """The job under way, and the sweep as far as its finished shards tell; False when this sweep is not under way.

    facts: of the model. curve: makes the figure of the methods' table and that of random cuts.
    """
    draw_job(NAME)
    run = store().find_run(st.session_state.get(f"{NAME}-run", ""))
    if run is None or run.ended or not is_of(run, base):
        return False
    st.fragment(_draw_growing, run_every=GROW_SECONDS)(run.id, base, sweep, facts, curve)
    return True


def _draw_growing(run_id: str, base: EvaluateRequest, sweep: Sweep, facts: dict[str, Any], curve: Curve) -> None:
    with told_in_a_box():
        _draw_so_far(run_id, base, sweep, facts, curve)


def _draw_so_far(run_id: str, base: EvaluateRequest, sweep: Sweep, facts: dict[str, Any], curve: Curve) -> None:
    run = store().run(run_id)
    if run.ended:  # the page is about to be drawn again, with everything
        return
    whole = plain_outcomes(evaluations(base, sweep.cuts), facts)
    so_far = plain_outcomes(values_so_far(store(), run), facts)

    def outcome_of(cut: Blocks, reason: str) -> Outcome | None:
        return whole(cut, reason) or so_far(cut, reason)

    figure = curve(sweep_table(sweep, outcome_of), random_table(sweep, outcome_of))
    st.plotly_chart(figure, key="sweep-growing", config={"displaylogo": False})
    st.caption(
        f"Cuts that this job evaluates are estimated from {len(store().units(run_id))} of {run.n_units or '…'} shards "
        "of the text; intervals follow at the end."
    )


def _duration(run: Run, left: EvaluateRequest, shares_prefixes: bool) -> str:
    """About how long it takes, at the speed of the profile; block runs only, the head comes on top."""
    units, (together, alone) = store().units(run.id), block_runs(left.cuts, run.facts["blocks"])
    runs = together if shares_prefixes else alone
    seconds, tokens = sum(unit.seconds for unit in units), left.corpus.max_tokens
    if not seconds or not tokens:
        return f"{runs:,} block runs"
    expected = runs / run.facts["blocks"] * tokens * seconds / sum(unit.tokens for unit in units)
    return f"about {expected / 60:.0f} min or more" if expected > 90 else f"about {expected:.0f} s or more"
