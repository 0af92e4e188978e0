"""One method's cutoffs, one after another: what each removes, what it keeps, and on to the Prune page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from avss_core.errors import AvssError
from avss_core.figures.strip import strips_by_size
from avss_core.jobs import EvaluateRequest
from avss_core.pruning.sweep import Blocks
from avss_core.tasks import task_named
from pages import prune
from pages.parts.cutoff_slider import LONG_REST, REST, cutoff_of, draw_cutoff_slider
from pages.parts.engine import jobs, store
from pages.parts.judged_text import documents_judged
from pages.parts.orders import Ranked
from pages.parts.outcomes import evaluations, outcome
from pages.parts.picked_cut import HandedCut, pick_cut
from pages.parts.prune_outcome import readings_of, retained_words
from pages.parts.start_job import draw_job, start_job

METHOD, CUTOFF, AUTO, NAME = "sweep-method", "sweep-cutoff", "sweep-auto", "sweep-cut"


def look_at_cut(method: str, cut: Blocks) -> None:
    """Have the slider stand at this cut when it is drawn next (for callbacks)."""
    st.session_state[METHOD], st.session_state[CUTOFF] = method, len(cut)


def looked_at(methods: Mapping[str, Sequence[Blocks]]) -> tuple[str, int] | None:
    """Method and number of blocks that the slider stands at; None before it has been drawn, or of another method."""
    method = st.session_state.get(METHOD)
    return (str(method), int(st.session_state.get(CUTOFF, 0))) if method in methods else None


def draw_cutoff(
    base: EvaluateRequest,
    methods: Mapping[str, Sequence[Blocks]],
    orders: Mapping[str, Ranked],
    protected: Blocks,
    n_blocks: int,
) -> None:
    """The slider, the strip of the network, the outcome or the way to it. methods: every cutoff of each, and in
    `orders` what it goes by."""
    st.subheader("One cutoff", anchor=False)
    method, cuts, cut = _choose(methods, n_blocks)
    draw_cutoff_slider(
        CUTOFF,
        n_blocks,
        protected,
        cuts,
        cut,
        readings_of(base, cuts),
        label="Blocks to remove",
        rest=LONG_REST if st.session_state.get(AUTO) else REST,
    )
    by_itself = st.toggle("Evaluate cuts by themselves as the slider moves", key=AUTO, persist_state="session")
    reason = f"{method} at {len(cut)} of {n_blocks} blocks"
    found = outcome(base, cut, reason)
    if found is None:
        _offer(base, cut, by_itself)
    else:
        removed, stay = (", ".join(map(str, blocks)) or "none" for blocks in (cut, found.cut.kept))
        formula = retained_words(task_named(base.task).metric())
        st.caption(
            f"Removed: {removed}. Kept: {stay}. Over {documents_judged(base, found.after.n)}. Retained: {formula}."
        )
    draw_job(NAME)
    if st.button("Open on the Prune page", key="sweep-open", icon=":material/content_cut:", disabled=not cut):
        chosen_by = orders[method]
        pick_cut(HandedCut(base.model.identity(), cut, reason, (chosen_by.text,), chosen_by.words))
        st.switch_page(st.Page(prune.page, title="Prune", url_path="prune"))
    with st.expander("Which blocks go at each cutoff"):
        figure = strips_by_size(n_blocks, methods[method], protected, chosen=cut, title=f"Removed by {method}")
        st.plotly_chart(figure, key="sweep-strips", config={"displayModeBar": False})


def _choose(methods: Mapping[str, Sequence[Blocks]], n_blocks: int) -> tuple[str, tuple[Blocks, ...], Blocks]:
    """Method, its cut of each size, and that of them which is looked at."""
    names = list(methods)
    if st.session_state.get(METHOD) not in names:
        st.session_state[METHOD] = names[0]
    method = st.selectbox("Method", names, key=METHOD, persist_state="session") or names[0]
    by_size = {len(cut): cut for cut in methods[method]}
    cuts = tuple(by_size[size] for size in sorted(by_size))
    return str(method), cuts, cutoff_of(CUTOFF, cuts, round(0.1 * n_blocks))


def _offer(base: EvaluateRequest, cut: Blocks, by_itself: bool) -> None:
    """What has not been evaluated can be, by a button or by itself; what began by itself for another cut ends then."""
    known = evaluations(base, [(), cut])
    left = replace(base, cuts=tuple(each for each in dict.fromkeys([(), cut]) if each not in known))
    if not left.cuts:
        return
    if st.button("Evaluate this cut", key="sweep-evaluate", icon=":material/play_arrow:"):
        start_job(NAME, left)
        return
    try:
        run = store().find_run(left.run_id())
        if by_itself and (run is None or run.id in _left_behind()):
            _leave_behind()
            _left_behind().discard(left.run_id())
            start_job(NAME, left)
        elif run is not None and not run.ended:
            st.session_state[f"{NAME}-run"] = run.id
    except AvssError as error:
        st.error(str(error), icon=":material/error:")


def _left_behind() -> set[str]:
    """The evaluations that were ended because the slider moved on, and not by their *Cancel*."""
    ended: set[str] = st.session_state.setdefault("sweep-left-behind", set())
    return ended


def _leave_behind() -> None:
    """End the evaluation that is under way, since another cut is looked at."""
    earlier = store().find_run(st.session_state.get(f"{NAME}-run", ""))
    if earlier is not None and not earlier.ended:
        _left_behind().add(earlier.id)
        jobs().cancel(earlier.id)
