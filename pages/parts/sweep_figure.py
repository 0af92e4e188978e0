"""The sweep as a chart whose points can be clicked, with its data to take home."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from avss_core.figures.retained import picked_point, retained_curve
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.sweep_results import plain_outcomes
from avss_core.pruning.sweep import Blocks, Sweep, random_table
from avss_core.tasks import task_named
from pages.parts.outcomes import cuts_frame, evaluations

KEY, _BANDS, _LOG = "sweep-figure", "sweep-intervals", "sweep-log"
Picked = Callable[[str, Blocks], None]


def frames_of(base: EvaluateRequest, sweep: Sweep, facts: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is evaluated of a sweep: the methods' cuts with intervals, the bands of random cuts."""
    values = evaluations(base, sweep.cuts)
    return cuts_frame(base, sweep.methods), random_table(sweep, plain_outcomes(values, facts))


def sweep_curve(
    task: str, n_blocks: int, methods: pd.DataFrame, random: pd.DataFrame, chosen: tuple[str, int] | None = None
) -> go.Figure:
    """The figure, as the toggles of `choose_look` say."""
    return retained_curve(
        methods,
        random,
        chosen,
        n_blocks=n_blocks,
        task=task_named(task).metric().pretty_name.lower(),
        intervals="bands" if st.session_state.get(_BANDS, True) else "none",
        log=bool(st.session_state.get(_LOG, False)),
        height=520,
    )


def choose_look() -> None:
    """Draw the toggles for the figure below them."""
    with st.container(horizontal=True):
        st.toggle(
            "95 % bands",
            value=True,
            key=_BANDS,
            persist_state="session",
            help="Of the text: over its held-out documents.",
        )
        st.toggle(
            "Logarithmic", key=_LOG, persist_state="session", help="To tell apart what has lost nearly everything."
        )


def show_sweep(figure: go.Figure, methods: pd.DataFrame, random: pd.DataFrame, sweep: Sweep, picked: Picked) -> None:
    """Draw the chart; a click on a point calls `picked` with its method and the blocks it removes."""
    st.plotly_chart(
        figure,
        key=KEY,
        on_select=partial(_take_click, figure, sweep.methods, picked),
        selection_mode="points",
        config={"displaylogo": False, "toImageButtonOptions": {"filename": "sweep", "scale": 2}},
    )
    if len(random):
        st.caption(
            f"Grey: random cuts. At each size a further cut drawn by chance lies in the band with probability "
            f"{random['coverage'].min():.0%} ({int(random['draws'].max())} draws); it says how far the choice of "
            "blocks matters on this text, and leaves out what other text would change."
        )
    with st.container(horizontal=True, gap="small"):
        for label, content in (
            ("methods (CSV)", lambda: methods.to_csv(index=False)),
            ("random cuts (CSV)", lambda: random.to_csv(index=False)),
            ("figure (HTML)", lambda: figure.to_html(include_plotlyjs=True)),
        ):
            ending = "html" if "HTML" in label else "csv"
            st.download_button(
                label,
                content,
                f"sweep-{label.split()[0]}.{ending}",
                f"text/{ending}",
                key=f"sweep-{label}",
                type="tertiary",
                icon=":material/download:",
                on_click="ignore",
            )


def _take_click(figure: go.Figure, methods: Mapping[str, Sequence[Blocks]], picked: Picked) -> None:
    point = picked_point(figure, st.session_state[KEY]["selection"]["points"])
    if point is None:
        return
    method, size = point
    for cut in methods.get(method, ()):
        if len(cut) == size:
            picked(method, cut)
