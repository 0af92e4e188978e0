"""The most that can be removed while a share of the performance is retained, read off evaluated cutoffs."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from avss_core.jobs import EvaluateRequest
from avss_core.pruning import Cut
from avss_core.pruning.cuts_by_size import most_tolerated
from avss_core.pruning.targets import Tolerated
from avss_core.tasks import task_named
from pages.parts.block_runs import what_it_takes
from pages.parts.evaluate_cuts import evaluate
from pages.parts.outcomes import evaluations, outcome

Blocks = tuple[int, ...]


def choose_tolerated(request: EvaluateRequest, cuts: tuple[Blocks, ...], n_blocks: int) -> Cut:
    """Draw what has to be retained and the button that evaluates every cutoff; the largest evaluated cut that does."""
    share, sure = st.columns([3, 1], vertical_alignment="bottom")
    percent = share.slider(
        "Keep at least",
        50,
        100,
        90,
        format="%d %%",
        key="retain",
        persist_state="session",
        help="Of the performance of the unpruned model.",
    )
    surely = sure.toggle(
        "Surely",
        key="retain-surely",
        persist_state="session",
        help="The low end of the 95 % interval has to reach it, and not the value alone.",
    )
    there = evaluations(request, [(), *cuts])
    known = {n: outcome(request, cut, "") for n, cut in enumerate(cuts) if cut in there}
    evaluated = {n: each for n, each in known.items() if each is not None}
    shared = task_named(request.task).shares_prefixes
    found = most_tolerated(cuts, n_blocks, evaluated, percent / 100, surely, shared)
    st.button(
        f"Evaluate all {len(cuts)} cutoffs",
        key="evaluate-all",
        icon=":material/playlist_play:",
        on_click=evaluate,
        args=(replace(request, cuts=tuple(dict.fromkeys([(), *cuts]))),),
        disabled=found.complete,
        help=f"In one go. {what_it_takes(cuts, n_blocks, shared, 'the cutoffs')} Those evaluated before are free.",
    )
    _tell(found, len(cuts), percent)
    return found.cut


def _tell(found: Tolerated, of: int, percent: int) -> None:
    n = len(found.cut.removed)
    if not found.cutoffs:
        st.caption("No cutoff of this order has been evaluated yet, so nothing is removed.")
        return
    if found.nothing_to_retain:
        st.caption(
            f"The unpruned model has nothing to retain here, so no cut can keep {percent} % of it; judge by another "
            "task, or on other text."
        )
        return
    said = [f"{n} blocks can go" if n else f"No evaluated cut keeps {percent} %"]
    if found.gaps:
        said.append(
            f"though removing {', '.join(map(str, found.gaps))} keeps less: the curve is not falling all the way"
        )
    if not found.complete:
        said.append(f"{len(found.cutoffs)} of {of} cutoffs are evaluated, so more may be possible")
    st.caption(
        "; ".join(said) + ". The text that chose this number also judges it, which flatters it a little; its interval "
        "does not count that."
    )
    with st.expander("The cutoffs"):
        rows = [
            {
                "blocks removed": cutoff.removed,
                "retained": cutoff.retained,
                "from": cutoff.low,
                "to": cutoff.high,
                "a gap": cutoff.removed in found.gaps,
            }
            for cutoff in found.cutoffs
        ]
        percents = {name: st.column_config.NumberColumn(format="percent") for name in ("retained", "from", "to")}
        st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=percents)
