"""Every statistic of a run by block; site, ε and first token answer without a new run."""

from __future__ import annotations

import streamlit as st

from avss_core.errors import RunError
from avss_core.figures.curves import block_curve
from avss_core.figures.heatmap import statistics_heatmap
from avss_core.figures.labels import statistic_of
from pages.parts.by_address import run_dashboard
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.engine import score_table, store
from pages.parts.follow import follow
from pages.parts.score_settings import ScoreSettings, choose_score_settings
from pages.parts.show import show_figure

TABS = {
    "AVSS": ("avss", "avss_share", "avss_cumulative"),
    "Variance": ("variance", "std", "variance_share"),
    "Sparsity": ("sparsity", "sparsity_share", "sparsity_deviation"),
    "Norms": ("l1", "l2", "frobenius"),
}
POLL_SECONDS = 0.7


def draw(run_id: str, settings: ScoreSettings) -> None:
    """All curves from the shards finished so far."""
    now = store().run(run_id)
    if not now.ended:
        now = follow(run_id, "profile-page")
    finished = len(store().units(run_id))
    if not finished:
        raise RunError(f"Nothing of this run is finished yet ({now.status})." + (f" {now.error}" if now.error else ""))
    table = score_table(run_id, finished, settings.site, settings.epsilon, settings.skip_first_token)
    if now.status != "done":
        st.info(f"{finished} of {now.n_units} shards so far: these are statistics of a part of the text.")
    if table["floored"].any():
        blocks = ", ".join(str(block) for block in table.loc[table["floored"], "block"])
        st.warning(
            f"S = 0 in block {blocks}: no activation is below ε there, so S is floored at 1/N (our reading). "
            "A larger ε tells more."
        )
    for tab, (name, columns) in zip(
        st.tabs([*TABS, "All", "Table"]), [*TABS.items(), ("All", ()), ("Table", ())], strict=True
    ):
        with tab:
            for column in columns:
                show_figure(block_curve(table, column), table, f"{column}-{settings.site}")
                st.caption(f"{statistic_of(column).meaning} {statistic_of(column).direction}")
            if name == "All":
                show_figure(statistics_heatmap(table), table, f"heatmap-{settings.site}")
            if name == "Table":
                st.dataframe(table, hide_index=True)
    st.caption(
        f"{settings.words}. Bands: 95 % intervals from resampling the shards of the text. Between two histogram edges "
        "(16 to an octave) sparsity is interpolated; at an edge, powers of two among them, it is exact."
    )


def page() -> None:
    """Draw the page."""
    st.title("Profile")
    run = chosen_run()
    st.caption(line_of(run))
    settings = choose_score_settings(run.spec["sites"])
    st.fragment(draw, run_every=None if run.ended else POLL_SECONDS)(run.id, settings)


if __name__ == "__main__":
    run_dashboard()
