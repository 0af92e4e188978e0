"""Contrastive training on the prone blocks, beside the same training of other blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from avss_core.errors import AvssError
from avss_core.figures.mitigation import contrast_losses, mitigation_effect
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.mitigation import CHOICES, MitigationSettings
from avss_core.importance import Epsilon
from avss_core.jobs import AnswersRequest, ConfidenceRequest, MitigateRequest
from avss_core.jobs.hand_labels import hand_labels_for
from avss_core.jobs.mitigate_controls import rate_against
from avss_core.jobs.mitigate_results import Mitigated, losses_so_far, mitigated
from avss_core.jobs.mitigate_table import before_after_rows
from avss_core.readable import from_to
from avss_core.runs import Run
from pages.parts.engine import jobs, store
from pages.parts.follow import follow
from pages.parts.hallucination_confidence import draw_asking, draw_rows
from pages.parts.hallucination_preset import choose_q_and_p
from pages.parts.job_of_request import draw_request, start_request
from pages.parts.mitigation_adapters import draw_adapters
from pages.parts.mitigation_table import draw_before_after
from pages.parts.picked_cut import remembered_cut
from pages.parts.show import show_figure
from pages.parts.trouble import told_in_a_box

POLL_SECONDS = 2.0
WHAT = (
    "The source is halved, and up to as many questions as were asked are taken of each half. One is learned from: "
    "adapters on the chosen blocks bring the states of truthful answers together and keep made-up ones apart, while a "
    "language-model loss keeps fluency. The other is asked before and after. The same training of other blocks says "
    "what the choice of blocks is worth."
)


def draw_mitigation(request: AnswersRequest, judge: str, site: str, epsilon: Epsilon, reading: str) -> None:
    """Settings, buttons, the curves while it trains, and what came of it. request: the questions as they are asked."""
    st.caption(WHAT)
    settings = _choose_settings()
    asked = MitigateRequest(replace(request, removed=()), settings, judge, site=site, epsilon=epsilon, reading=reading)
    if not _both_halves_answered(asked):
        return
    asked = replace(asked, by_hand=tuple(hand_labels_for(store(), asked.taught).items()))
    every = {name: replace(asked, settings=replace(settings, choice=choice)) for choice, name in CHOICES.items()}
    st.button(
        "Train the prone blocks, and both controls",
        type="primary",
        key="mitigate",
        icon=":material/model_training:",
        on_click=_start_all,
        args=(list(every.values()),),
        help="Three trainings, one after another; what was finished before is not done again.",
    )
    if "mitigate-error" in st.session_state:
        st.error(st.session_state.pop("mitigate-error"), icon=":material/error:")
    runs = {name: run for name, one in every.items() if (run := store().find_run(one.run_id())) is not None}
    if not runs:
        st.info("Nothing has been trained with these settings yet.", icon=":material/model_training:")
        return
    going = any(not run.ended for run in runs.values())
    st.fragment(_draw_live, run_every=POLL_SECONDS if going else None)(
        {name: run.id for name, run in runs.items()}, settings.steps
    )
    _draw_outcome({name: run for name, run in runs.items() if run.status == "done"}, asked)


def _choose_settings() -> MitigationSettings:
    blocks, steps, answers, rank = st.columns(4)
    default = MitigationSettings()
    contrast, language, temperature, rate = st.columns(4)
    return MitigationSettings(
        n_blocks=int(
            blocks.number_input(
                "Blocks that learn", 1, 200, default.n_blocks, key="mitigate-blocks", persist_state="session"
            )
        ),
        steps=int(steps.number_input("Steps", 1, 2000, default.steps, key="mitigate-steps", persist_state="session")),
        answers=int(
            answers.number_input(
                "Answers of each kind a step", 2, 64, default.answers, key="mitigate-answers", persist_state="session"
            )
        ),
        rank=int(
            rank.number_input(
                "Rank of the adapters", 1, 128, default.rank, key="mitigate-rank", persist_state="session"
            )
        ),
        contrast=contrast.number_input(
            "Weight of the contrast", 0.0, 100.0, default.contrast, key="mitigate-contrast", persist_state="session"
        ),
        language=language.number_input(
            "Weight of the language", 0.0, 100.0, default.language, key="mitigate-language", persist_state="session"
        ),
        temperature=temperature.number_input(
            "Temperature τ", 0.001, 10.0, default.temperature, key="mitigate-tau", persist_state="session"
        ),
        learning_rate=rate.number_input(
            "Learning rate",
            1e-6,
            1.0,
            default.learning_rate,
            format="%.1e",
            key="mitigate-rate",
            persist_state="session",
        ),
    )


def _both_halves_answered(asked: MitigateRequest) -> bool:
    """Whether both halves of the questions have been answered; a button for those that have not."""
    halves = {"to learn from": asked.taught, "held out": asked.held_out}
    left = {name: one for name, one in halves.items() if not _is_done(one)}
    for name, one in left.items():
        st.button(
            f"Ask the questions {name}",
            key=f"ask-half-{one.corpus.part}",
            icon=":material/quiz:",
            on_click=start_request,
            args=(one,),
        )
        draw_request(one)
    return not left


def _is_done(request: AnswersRequest) -> bool:
    run = store().find_run(request.run_id())
    return run is not None and run.status == "done"


def _start_all(requests: list[MitigateRequest]) -> None:
    try:
        for request in requests:
            jobs().submit(request)
    except AvssError as error:
        st.session_state["mitigate-error"] = str(error)


def _draw_live(run_ids: dict[str, str], steps: int) -> None:
    """The runs as they are, and the loss curves so far; drawn again as a whole when the last one ends."""
    with told_in_a_box():
        running = False
        for name, run_id in run_ids.items():
            run = store().run(run_id)
            if run.status == "done":
                continue
            st.caption(name)
            running |= not follow(run_id, f"mitigate-{name}").ended
        curves = {name: losses_so_far(store(), run_id) for name, run_id in run_ids.items()}
        drawn = pd.concat([rows.assign(training=name) for name, rows in curves.items()], ignore_index=True)
        show_figure(contrast_losses(curves, steps), drawn, "contrastive-training")
        if running:
            st.session_state["mitigate-running"] = True
        elif st.session_state.pop("mitigate-running", False):
            st.rerun()


@st.cache_data(show_spinner="Comparing answers before and after …", max_entries=32)
def _mitigated(
    run_id: str,
    by_hand: tuple[tuple[str, str], ...],
    q: float = 0.5,
    p: float = 0.5,
    asked: AskingAgain | None = None,
) -> Mitigated:
    """by_hand: labels of the held-out answers, which tell one state of the store from the next; so does asked."""
    del by_hand
    return mitigated(store(), run_id, q=q, p=p, asked=asked)


@st.cache_data(show_spinner="Comparing answers before and after …", max_entries=32)
def _changes(run_id: str, by_hand: tuple[tuple[str, str], ...], q: float, p: float) -> list[dict[str, Any]]:
    return before_after_rows(_mitigated(run_id, by_hand), q, p)


def _draw_outcome(runs: dict[str, Run], asked: MitigateRequest) -> None:
    """What each training changed, in words, in a figure and in tables."""
    if not runs:
        return
    by_hand = tuple(sorted(hand_labels_for(store(), asked.held_out).items()))
    found = {name: _mitigated(run.id, by_hand) for name, run in runs.items()}
    chosen = found.get(CHOICES["highest"])
    for name, one in found.items():
        against = ""
        if chosen is not None and one is not chosen:
            gap = rate_against(chosen, one)
            against = (
                f" The prone blocks' rate is {100 * gap['difference']:+.1f} points from this one "
                f"({from_to(100 * gap['low'], 100 * gap['high'], '+.1f')})."
            )
        st.markdown(f"**{name}** ({', '.join(map(str, one.blocks))}): {one.sentence}{against}")
    effect = pd.DataFrame(
        [
            {
                "training": name,
                "change": one.change.rate_change,
                "low": one.change.rate_change_low,
                "high": one.change.rate_change_high,
            }
            for name, one in found.items()
        ]
    )
    show_figure(mitigation_effect(effect), effect, "mitigation-effect")
    q, p = choose_q_and_p(asked.corpus.source)
    draw_before_after({name: _changes(run.id, by_hand, q, p) for name, run in runs.items()})
    name = CHOICES["highest"] if chosen is not None else next(iter(found))
    st.caption(
        f"How sure, and how rightly, on the {found[name].change.questions} held-out questions: the untrained model by "
        "each estimator, and in the last row the trained one."
    )
    again = draw_asking(asked.held_out)
    how = None if again is None else ConfidenceRequest.from_dict(store().run(again).spec).settings
    draw_rows(_mitigated(runs[name].id, by_hand, q, p, how).estimators, q, p)
    cut = remembered_cut(asked.model.identity())
    draw_adapters(runs, {name: one.blocks for name, one in found.items()}, cut.removed if cut else ())
