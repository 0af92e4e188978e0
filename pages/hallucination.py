"""Which blocks differ when a model makes something up, how sure it is of its answers, and what pruning does to both."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from avss_core.hallucination.judge import judge_named
from avss_core.jobs import AnswersRequest
from pages.parts.by_address import run_dashboard
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.engine import store
from pages.parts.hallucination_answers import draw_answers
from pages.parts.hallucination_blocks import draw_blocks
from pages.parts.hallucination_confidence import draw_confidence
from pages.parts.hallucination_data import Answered, answered
from pages.parts.hallucination_honesty import draw_honesty
from pages.parts.hallucination_mitigation import draw_mitigation
from pages.parts.hallucination_per_block import draw_per_block
from pages.parts.hallucination_questions import choose_questions
from pages.parts.hallucination_settings import ContrastSettings, choose_contrast, choose_judge
from pages.parts.job_of_request import draw_request, start_request
from pages.parts.trouble import told_in_a_box
from pages.parts.wait_for_profile import waits_for_profile

View = Callable[[AnswersRequest, Answered, ContrastSettings], None]
SITES = ("residual", "update")


def mitigate(request: AnswersRequest, of: Answered, settings: ContrastSettings) -> None:
    """Training against hallucination, with the chosen judge, site, ε and reading."""
    draw_mitigation(request, of.judge, settings.site, settings.epsilon, settings.reading)


VIEWS: dict[str, View] = {
    "Answers": draw_answers,
    "Blocks": draw_blocks,
    "Confidence": draw_confidence,
    "Per block": draw_per_block,
    "Pruning for honesty": draw_honesty,
    "Mitigation": mitigate,
}


def page() -> None:
    """Draw the page."""
    st.title("Hallucination")
    run = chosen_run()
    st.caption(line_of(run))
    if waits_for_profile(run):
        return
    if not run.facts.get("predicts_next_token", True):
        st.info("This model writes no text, so there is no answer that it could make up.", icon=":material/block:")
        return
    request: AnswersRequest | None = None
    with st.container(border=True), told_in_a_box():
        request = choose_questions(run)
        known = store().find_run(request.run_id())
        answers = known is not None and known.status == "done"
        st.button(
            "Answered" if answers else "Ask the questions",
            type="secondary" if answers else "primary",
            key="hallucination-ask",
            icon=":material/play_arrow:",
            on_click=start_request,
            args=(request,),
            disabled=answers or (known is not None and not known.ended),
            help="Greedy answers, and the blocks' activations at their tokens in the same job. Judging them, another "
            "site, ε or reading runs nothing again.",
        )
        draw_request(request)
    if request is not None:
        with told_in_a_box():
            draw_findings(request)


def draw_findings(request: AnswersRequest) -> None:
    """Judge the answers, choose how blocks are compared, and draw the chosen view alone."""
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        judge = choose_judge()
    found = answered(request, judge)
    if found is None:
        run = store().find_run(request.run_id())
        if run is None or run.ended:
            st.info(
                "These questions have not been asked yet: press **Ask the questions**.", icon=":material/play_arrow:"
            )
        return
    sites = [site for site in SITES if f"{site}_n" in found.frame.columns]
    with row:
        settings = choose_contrast(sites)
    view = st.segmented_control(
        "View",
        list(VIEWS),
        default="Answers",
        key="hallucination-view",
        wrap=True,
        persist_state="session",
        required=True,
    )
    with told_in_a_box():
        VIEWS[view or "Answers"](request, found, settings)
    by_hand = f", {len(found.by_hand)} of them by hand" if found.by_hand else ""
    st.caption(
        f"{len(found.frame)} greedy answers of at most {request.most_tokens} tokens after {request.shots} solved "
        f"examples, up to a line break. Labels{by_hand}: judge *{judge}*. {judge_named(judge).how}"
    )


if __name__ == "__main__":
    run_dashboard()
