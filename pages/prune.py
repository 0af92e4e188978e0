"""Choose blocks by any order, rule or hand; evaluate now on any task; read what the pruned model lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import EvaluateRequest
from avss_core.models.spec import ModelSpec
from avss_core.pruning import protected_ends
from avss_core.runs import Run
from pages.parts.by_address import run_dashboard
from pages.parts.choose_cut import BY_HAND, choose_protected_ends
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.choose_task import choose_task
from pages.parts.cutoff_slider import NOT_EVALUATED, draw_cutoff_slider
from pages.parts.evaluate_cuts import NAME, evaluate
from pages.parts.generate_beside import draw_generate
from pages.parts.judged_text import warn_of_judged_text
from pages.parts.measured_gain import draw_gain
from pages.parts.orders import ABLATION, Ranked, known_rankings
from pages.parts.outcomes import outcomes
from pages.parts.picked_cut import remember_cut
from pages.parts.prune_chart import draw_chart
from pages.parts.prune_choose import Chosen, choose_cut
from pages.parts.prune_outcome import draw_outcome, readings_of
from pages.parts.prune_rules import CUTOFF
from pages.parts.prune_yardsticks import draw_yardsticks
from pages.parts.run_sites import measured_sites
from pages.parts.score_settings import choose_score_settings
from pages.parts.start_job import draw_job
from pages.parts.take_home import draw_take_home
from pages.parts.wait_for_profile import waits_for_profile


def choose(run: Run) -> tuple[EvaluateRequest, dict[str, Ranked], tuple[int, ...], Chosen]:
    """Draw the chooser: what is evaluated, the known orders, the protected blocks, the cut."""
    n_blocks = int(run.facts["blocks"])
    with st.container(border=True):
        settings = choose_score_settings(measured_sites(run))
        left, right = st.columns([3, 2], gap="medium")
        with right:
            task, corpus = choose_task(run, "evaluation")
        profiled = CorpusSpec.from_dict(run.spec["corpus"])
        base = EvaluateRequest(ModelSpec.from_dict(run.spec["model"]), corpus, task, ((),))
        rankings = known_rankings(run, base, settings)
        with left:
            ends = choose_protected_ends(n_blocks)
            chosen = choose_cut(run, base, rankings, ends)
        removed, protected = chosen.cut.removed, protected_ends(n_blocks, *ends)
        slid = chosen.cuts[chosen.line] if chosen.slides else (removed,)
        draw_cutoff_slider(
            CUTOFF,
            n_blocks,
            protected,
            slid,
            removed,
            readings_of(base, slid),
            label="Cutoff: number of blocks to remove",
            unknown=f"{NOT_EVALUATED} Press Evaluate.",
        )
        # Not a callback, which would be of the cut before where the slider and the button come in one message.
        if st.button(
            "Evaluate",
            type="primary",
            key="evaluate",
            icon=":material/play_arrow:",
            help="The task with and without these blocks, on documents or examples that were not profiled.",
        ):
            evaluate(replace(base, cuts=tuple(dict.fromkeys([(), removed]))))
        by = {chosen.order: rankings[chosen.order].text} if chosen.order else {BY_HAND: profiled}
        warn_of_judged_text(base, by)
    return base, rankings, protected, chosen


def page() -> None:
    """Draw the page."""
    st.title("Prune")
    run = chosen_run()
    st.caption(line_of(run))
    if waits_for_profile(run, finished=True):
        return
    base, rankings, protected, chosen = choose(run)
    cut = chosen.cut
    remember_cut(base.model.identity(), cut.removed, cut.reason)

    draw_job(NAME)

    found = outcomes(base, cut.removed, cut.reason)
    if found:
        draw_outcome(found, base)
    draw_chart(base, chosen.cuts, chosen.line, cut, protected)
    measured = chosen.order if chosen.order not in (None, ABLATION) else next(iter(rankings))
    views: dict[str, Callable[[], None]] = {
        "Is the score right?": lambda: draw_yardsticks(base, cut, protected, measured, rankings[measured].scores),
        "What is gained?": lambda: draw_gain(base.model, base.corpus, cut),
        "What does it write?": lambda: draw_generate(base.model, base.corpus, cut, run),
        "Take it home": lambda: draw_take_home(base, cut, method=rankings[chosen.order].words if chosen.order else ""),
    }
    # Only what is looked at is drawn, so that going back to an evaluated cut stays quick.
    for tab, view in zip(st.tabs(list(views), key="views", on_change="rerun"), views.values(), strict=True):
        if tab.open:
            with tab:
                view()


if __name__ == "__main__":
    run_dashboard()
