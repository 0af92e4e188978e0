"""Give a cut back what it took: linear maps, training, and the unpruned model that is given the same beside them."""

from __future__ import annotations

import streamlit as st

from avss_core.jobs import EvaluateRequest, HealRequest
from avss_core.pruning import Cut
from avss_core.tasks import PERPLEXITY
from pages.parts.by_address import run_dashboard
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.heal_live import draw_progress
from pages.parts.heal_result import draw_history, draw_result
from pages.parts.heal_settings import choose_cut_to_heal, choose_healing
from pages.parts.job_of_request import start_request
from pages.parts.judged_text import warn_of_judged_text
from pages.parts.picked_cut import known_cut
from pages.parts.trouble import told_in_a_box
from pages.parts.wait_for_profile import waits_for_profile


def warn_of_chosen_on(request: HealRequest) -> None:
    """Say it when the cut was chosen on the text that its healing is judged on."""
    known = known_cut(request.model.identity(), request.removed)
    if known is not None:
        judged = EvaluateRequest(request.model, request.evaluate, PERPLEXITY, ((),))
        warn_of_judged_text(judged, {known.reason: known.measured_on})


def page() -> None:
    """Draw the page."""
    st.title("Heal")
    run = chosen_run()
    st.caption(line_of(run))
    if waits_for_profile(run):
        return
    if not run.facts.get("predicts_next_token", True):
        st.info(
            "This model does not predict the next token, so what healing gives back cannot be measured by perplexity.",
            icon=":material/block:",
        )
        return
    chosen: tuple[HealRequest, Cut] | None = None
    with st.container(border=True), told_in_a_box():
        cut = choose_cut_to_heal(run)
        request = choose_healing(run, cut)
        if request is not None and cut is not None:
            chosen = request, cut
            st.caption(f"Kept: {', '.join(map(str, cut.kept))}. The cut: {cut.reason}.")
            warn_of_chosen_on(request)
        st.button(
            "Heal",
            type="primary",
            key="heal",
            icon=":material/healing:",
            on_click=start_request,
            args=(request,),
            disabled=request is None,
            help="Fits and trains on the profiled part of the text, and judges everything on the held-out part.",
        )
    if chosen is None:
        return
    request, cut = chosen
    healing = draw_progress(request)
    if healing is None:
        st.info("This cut has not been healed this way yet: press **Heal**.", icon=":material/play_arrow:")
    elif healing.status == "done":
        draw_result(healing, run, cut)
    elif healing.ended:
        st.caption(f"The last attempt is {healing.status}; press **Heal** to start it again.")
    draw_history(request.model.identity())


if __name__ == "__main__":
    run_dashboard()
