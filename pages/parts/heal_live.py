"""A healing under way: its progress, its loss curve as it grows, and the two ways to end it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.figures.losses import PARTS, loss_curve
from avss_core.jobs import HealRequest
from avss_core.jobs.heal_results import losses_so_far
from avss_core.jobs.heal_stop import is_to_stop, stop_training
from avss_core.runs import Run
from pages.parts.engine import store
from pages.parts.job_of_request import draw_request
from pages.parts.show import show_figure
from pages.parts.trouble import told_in_a_box

REDRAW_SECONDS = 2.0


def draw_progress(request: HealRequest) -> Run | None:
    """The state of the request's run, with its loss curve while there is no result; None when it was never started."""
    draw_request(request)
    run = store().find_run(request.run_id())
    if run is not None and run.status != "done" and request.training is not None:
        st.fragment(_draw_curve, run_every=None if run.ended else REDRAW_SECONDS)(request, run.id)
    return run


def draw_losses(losses: pd.DataFrame, steps: int) -> None:
    """The loss curve, one tab for each part that training made small."""
    there = [part for part in PARTS if f"pruned_{part}" in losses and losses[f"pruned_{part}"].notna().any()]
    there = there or ["next_token"]
    for tab, part in zip(st.tabs([PARTS[part][0] for part in there]), there, strict=True):
        with tab:
            show_figure(loss_curve(losses, part, steps), losses, f"loss-{part}")
    st.caption("Each point is the loss on that step's own text before its update, so neighbours differ by their text.")


def _draw_curve(request: HealRequest, run_id: str) -> None:
    with told_in_a_box():
        run, losses = store().run(run_id), losses_so_far(store(), run_id)
        assert request.training is not None
        draw_losses(losses, request.training.steps)
        if run.ended:
            if len(losses):
                st.caption("These steps are kept for looking; started again, training begins from its first step.")
        elif is_to_stop(store(), run_id):
            st.caption("No further step is made; what has been trained is evaluated next.")
        elif len(losses):
            st.button(
                "Stop training, and evaluate what it reached",
                key="heal-stop",
                icon=":material/fast_forward:",
                on_click=stop_training,
                args=(store(), run_id),
            )
