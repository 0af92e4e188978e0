"""Choose a model and a text, start, and watch the curves converge."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from avss_core.activations.site_names import SITES
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import AvssError
from avss_core.figures.curves import curve_grid
from avss_core.importance import Epsilon
from avss_core.importance.intervals import MIN_SHARDS
from avss_core.jobs import ProfileRequest
from avss_core.models.spec import ModelSpec
from pages.parts.by_address import run_dashboard
from pages.parts.choose_corpus import choose_corpus
from pages.parts.choose_model import choose_model
from pages.parts.choose_run import STATUS_SIGN, chosen_run, line_of, look_at
from pages.parts.engine import jobs, score_table, store
from pages.parts.follow import follow
from pages.parts.run_sites import measured_sites, tell_missing
from pages.parts.show import show_figure
from pages.parts.trouble import told_in_a_box

LIVE_COLUMNS = ("variance", "sparsity", "avss_share", "l1", "l2", "frobenius")
POLL_SECONDS = 0.5
REDRAW_SECONDS = 3.0  # each new picture takes the processor from the process that measures


def start(model: ModelSpec, corpus: CorpusSpec, sites: tuple[str, ...], stop_when_stable: float | None) -> None:
    """Submit a profile and look at it; what is wrong with it is told on the page."""
    try:
        look_at(jobs().submit(ProfileRequest(model, corpus, sites, stop_when_stable)).id)
    except AvssError as error:
        st.session_state["start-error"] = str(error)


def draw_chooser() -> None:
    """Model, text, sites and the button."""
    with st.container(border=True):
        model_column, text_column = st.columns(2)
        with model_column:
            model = choose_model()
        with text_column:
            corpus = choose_corpus()
        sites_column, stop_column, start_column = st.columns([4, 2, 2], vertical_alignment="bottom")
        sites = sites_column.pills(
            "Measure at",
            SITES,
            selection_mode="multi",
            default=["residual", "update"],
            key="sites",
            wrap=True,
            persist_state="session",
        )
        stop = stop_column.toggle(
            "Stop when stable",
            key="stop-when-stable",
            persist_state="session",
            help="End as soon as the set of the lowest 25 % of blocks by AVSS (first site) is the same in 95 % of "
            "resamples of the shards.",
        )
        start_column.button(
            "Start profile",
            type="primary",
            key="start",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=start,
            args=(model, corpus, tuple(site for site in SITES if site in sites), 0.25 if stop else None),
        )
        if "start-error" in st.session_state:
            st.error(st.session_state.pop("start-error"), icon=":material/error:")


@st.cache_resource(show_spinner=False, max_entries=64)
def live_curves(
    run_id: str, finished: int, n_units: int | None, n_blocks: int | None
) -> tuple[go.Figure, pd.DataFrame]:
    """The curves after so many finished shards, and their data; drawn once for every number of shards."""
    run = store().run(run_id)
    model, site = run.spec["model"]["source"], measured_sites(run)[0]
    if finished:
        table = score_table(run_id, finished, site, Epsilon(), False)
        bands = "95 % bands" if finished >= MIN_SHARDS else f"no bands: fewer than {MIN_SHARDS} shards"
        title = f"{model}: site {site}, ε = {Epsilon()}, {finished} of {n_units or '?'} shards, {bands}"
    else:
        table = pd.DataFrame({name: pd.Series(dtype=float) for name in ("block", *LIVE_COLUMNS)})
        title = model  # the figure adds what it waits for
    return curve_grid(table, LIVE_COLUMNS, n_blocks=n_blocks, title=title), table


def draw_progress(run_id: str) -> None:
    """The state of the run; when it ends, the whole page is drawn again, with the last curves."""
    with told_in_a_box():
        if not follow(run_id, "profile").ended:
            st.session_state["was-running"] = run_id
        elif st.session_state.pop("was-running", None) == run_id:
            st.rerun()


def draw_live(run_id: str) -> None:
    """The curves from the shards finished so far."""
    with told_in_a_box():
        run, units = store().run(run_id), store().units(run_id)
        figure, table = live_curves(run.id, len(units), run.n_units, run.facts.get("blocks"))
        show_figure(figure, table, "live-curves")
        tell_missing(run)


def draw_history() -> None:
    """All runs, newest first."""
    with st.expander("History"):
        rows = [
            {
                "run": run.id,
                "kind": run.kind,
                "status": f"{STATUS_SIGN[run.status]} {run.status}",
                "model": run.spec["model"]["source"],
                "text": run.spec["corpus"]["source"],
                "tokens": run.facts.get("tokens"),
                "seconds": run.seconds,
                "created": pd.Timestamp.fromtimestamp(run.created),
                "error": run.error,
            }
            for run in store().runs()
        ]
        st.dataframe(
            pd.DataFrame(rows), hide_index=True, column_config={"seconds": st.column_config.NumberColumn(format="%.1f")}
        )


def page() -> None:
    """Draw the page."""
    st.title("Which blocks of a language model matter?")
    st.markdown(
        "Measure what every block does while the model reads, score the blocks, take some away on the **Prune** page, "
        "and read what was lost. Scores are never trusted: they are measured against what removal really costs."
    )
    draw_chooser()
    run = chosen_run()
    st.caption(line_of(run))
    # Two fragments, since the browser draws every figure of a fragment again at each of its runs.
    st.fragment(draw_progress, run_every=None if run.ended else POLL_SECONDS)(run.id)
    st.fragment(draw_live, run_every=None if run.ended else REDRAW_SECONDS)(run.id)
    draw_history()


if __name__ == "__main__":
    run_dashboard()
