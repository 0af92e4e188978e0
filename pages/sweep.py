"""Every cutoff of several methods at once: retained performance against what is removed, and against chance."""

from __future__ import annotations

from functools import partial

import streamlit as st

from avss_core.jobs import EvaluateRequest
from avss_core.models.spec import ModelSpec
from avss_core.tasks import task_named
from pages.parts.by_address import run_dashboard
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.choose_task import choose_task
from pages.parts.judged_text import warn_of_judged_text
from pages.parts.orders import known_rankings
from pages.parts.run_sites import measured_sites
from pages.parts.score_settings import choose_score_settings
from pages.parts.sweep_choose import STRETCHES, choose_sweep
from pages.parts.sweep_cutoff import draw_cutoff, look_at_cut, looked_at
from pages.parts.sweep_figure import choose_look, frames_of, show_sweep, sweep_curve
from pages.parts.sweep_job import draw_progress, draw_start
from pages.parts.sweep_rankings import draw_missing_rankings
from pages.parts.wait_for_profile import waits_for_profile


def page() -> None:
    """Draw the page."""
    st.title("Sweep")
    run = chosen_run()
    st.caption(line_of(run))
    if waits_for_profile(run, finished=True):
        return
    n_blocks = int(run.facts["blocks"])

    with st.container(border=True):
        task, corpus = choose_task(run, "sweep")
        settings = choose_score_settings(measured_sites(run))
        base = EvaluateRequest(ModelSpec.from_dict(run.spec["model"]), corpus, task, ((),))
        known = known_rankings(run, base, settings)
        chosen = choose_sweep(known, n_blocks, task_named(task).shares_prefixes)
        sweep = chosen.sweep
        draw_start(run, base, sweep)
        orders = {label: known[label.removesuffix(STRETCHES)] for label in sweep.methods}
        warn_of_judged_text(base, {label: [ranked.text] for label, ranked in orders.items()})
    draw_missing_rankings(run, known, settings)

    growing = draw_progress(base, sweep, run.facts, partial(sweep_curve, task, n_blocks))
    if not growing:
        methods, random = frames_of(base, sweep, run.facts)
        choose_look()
        figure = sweep_curve(task, n_blocks, methods, random, looked_at(sweep.methods))
        show_sweep(figure, methods, random, sweep, look_at_cut)
        if len(methods):
            st.caption("Click a point to see its cut below.")
    if chosen.further:
        draw_cutoff(base, chosen.further, orders, sweep.protected, n_blocks)


if __name__ == "__main__":
    run_dashboard()
