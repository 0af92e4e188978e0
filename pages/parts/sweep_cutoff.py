"""One method's cutoffs, one after another: what each removes, what it keeps, and on to the Prune page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from avss_core.errors import AvssError
from avss_core.figures.strip import network_strip, strips_by_size
from avss_core.jobs import EvaluateRequest
from avss_core.pruning.outcome import Outcome
from avss_core.pruning.sweep import Blocks
from avss_core.readable import four_digits, from_to
from avss_core.tasks import task_named
from pages import prune
from pages.parts.engine import store
from pages.parts.judged_text import documents_judged
from pages.parts.outcomes import evaluations, outcome
from pages.parts.picked_cut import pick_cut
from pages.parts.prune_outcome import interval_of, share_retained
from pages.parts.start_job import draw_job, start_job

METHOD, CUTOFF, AUTO, NAME = "sweep-method", "sweep-cutoff", "sweep-auto", "sweep-cut"
_STRIP = {"displayModeBar": False}


def look_at_cut(method: str, cut: Blocks) -> None:
    """Have the slider stand at this cut when it is drawn next (for callbacks)."""
    st.session_state[METHOD], st.session_state[CUTOFF] = method, len(cut)


def looked_at(methods: Mapping[str, Sequence[Blocks]]) -> tuple[str, int] | None:
    """Method and number of blocks that the slider stands at; None before it has been drawn, or of another method."""
    method = st.session_state.get(METHOD)
    return (str(method), int(st.session_state.get(CUTOFF, 0))) if method in methods else None


def draw_cutoff(
    base: EvaluateRequest, methods: Mapping[str, Sequence[Blocks]], protected: Blocks, n_blocks: int
) -> None:
    """The slider, the strip of the network, the outcome or the way to it. methods: every cutoff of each."""
    st.subheader("One cutoff", anchor=False)
    method, cut = _choose(methods, n_blocks)
    rest = [block for block in protected if block not in cut]
    st.plotly_chart(network_strip(n_blocks, cut, rest), key="sweep-strip", config=_STRIP)
    reason = f"{method} at {len(cut)} of {n_blocks} blocks"
    found = outcome(base, cut, reason)
    if found is None:
        _offer(base, cut)
    else:
        _draw_numbers(found, base)
    draw_job(NAME)
    if st.button("Open on the Prune page", key="sweep-open", icon=":material/content_cut:", disabled=not cut):
        pick_cut(cut, reason)
        st.switch_page(st.Page(prune.page, title="Prune", url_path="prune"))
    with st.expander("Which blocks go at each cutoff"):
        figure = strips_by_size(n_blocks, methods[method], protected, chosen=cut, title=f"Removed by {method}")
        st.plotly_chart(figure, key="sweep-strips", config=_STRIP)


def _choose(methods: Mapping[str, Sequence[Blocks]], n_blocks: int) -> tuple[str, Blocks]:
    names = list(methods)
    if st.session_state.get(METHOD) not in names:
        st.session_state[METHOD] = names[0]
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    method = left.selectbox("Method", names, key=METHOD)
    cuts = {len(cut): cut for cut in methods[method or names[0]]}
    if st.session_state.get(CUTOFF) not in cuts:
        wanted = st.session_state.get(CUTOFF, round(0.1 * n_blocks))
        st.session_state[CUTOFF] = min(cuts, key=lambda size: abs(size - wanted))
    if len(cuts) == 1:
        right.caption("No block may go.")
        return str(method), cuts[0]
    size = right.select_slider(
        "Blocks to remove",
        sorted(cuts),
        key=CUTOFF,
        format_func=lambda size: f"{size} ({size / n_blocks:.0%})",
        help=f"The papers remove about 25 %, which is {round(0.25 * n_blocks)} of these {n_blocks} blocks.",
    )
    return str(method), cuts[int(size)]


def _offer(base: EvaluateRequest, cut: Blocks) -> None:
    """What has not been evaluated can be, by a button or by itself."""
    known = evaluations(base, [(), cut])
    left = replace(base, cuts=tuple(each for each in dict.fromkeys([(), cut]) if each not in known))
    if not left.cuts:
        return
    button, toggle = st.columns([2, 3], vertical_alignment="center")
    button.button(
        "Evaluate this cut", key="sweep-evaluate", icon=":material/play_arrow:", on_click=start_job, args=(NAME, left)
    )
    by_itself = toggle.toggle("Evaluate cuts by themselves as the slider moves", key=AUTO)
    try:
        run = store().find_run(left.run_id())
        if by_itself and run is None:
            start_job(NAME, left)
        elif run is not None and not run.ended:
            st.session_state[f"{NAME}-run"] = run.id
    except AvssError as error:
        st.error(str(error), icon=":material/error:")


def _draw_numbers(found: Outcome, base: EvaluateRequest) -> None:
    metric = task_named(found.after.task).metric(found.after.metric)
    before, after, kept, smaller = st.columns(4)
    before.metric(f"{metric.pretty_name} before", four_digits(found.before.value), border=True)
    after.metric(
        f"{metric.pretty_name} after",
        four_digits(found.after.value),
        border=True,
        help=f"{_interval(found)}, over {documents_judged(base, found.after.n)}.",
    )
    kept.metric("Retained", share_retained(found), border=True, help=f"{interval_of(found)}.")
    smaller.metric("Parameters cut", f"{found.reduction.of_all:.1%}", border=True)
    removed, stay = (", ".join(map(str, blocks)) or "none" for blocks in (found.cut.removed, found.cut.kept))
    st.caption(f"Removed: {removed}. Kept: {stay}.")


def _interval(found: Outcome) -> str:
    """Of the pruned model's value."""
    return f"95 %: {from_to(found.after.low, found.after.high)}"
