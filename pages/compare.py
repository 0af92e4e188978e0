"""Two or more runs on one axis: two models, or one model on two texts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.errors import AvssError
from avss_core.figures.labels import STATISTICS, statistic_of
from avss_core.figures.overlay import overlay
from avss_core.jobs import ProfileRequest
from pages.parts.by_address import run_dashboard
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.engine import score_table, store
from pages.parts.score_settings import choose_score_settings
from pages.parts.show import show_figure


def page() -> None:
    """Draw the page."""
    st.title("Compare")
    here = chosen_run()
    finished = {run.id: run for run in store().runs(ProfileRequest.kind) if run.status == "done"}
    if len(finished) < 2:
        st.info("Two finished profiles are needed; start another one on the Overview page.", icon=":material/add:")
        return
    first = [here.id] if here.id in finished else []
    others = [run_id for run_id in finished if run_id not in first]
    chosen = st.multiselect(
        "Runs", list(finished), default=[*first, *others[:1]], format_func=lambda run_id: line_of(finished[run_id])
    )
    if not chosen:
        return
    shared = [
        site for site in finished[chosen[0]].spec["sites"] if all(site in finished[r].spec["sites"] for r in chosen)
    ]
    if not shared:
        st.warning("These runs have no site in common; choose others.", icon=":material/warning:")
        return
    settings = choose_score_settings(shared)
    columns = [statistic.column for statistic in STATISTICS]
    column = st.selectbox(
        "Statistic", columns, index=columns.index("avss_share"), format_func=lambda c: statistic_of(c).short
    )
    tables: dict[str, pd.DataFrame] = {}
    for run_id in chosen:
        try:
            table = score_table(
                run_id, len(store().units(run_id)), settings.site, settings.epsilon, settings.skip_first_token
            )
        except AvssError as error:
            st.warning(f"{line_of(finished[run_id])}: {error}")
            continue
        tables[line_of(finished[run_id]).removeprefix("✓ ")] = table
    if tables:
        data = pd.concat([table.assign(run=name) for name, table in tables.items()], ignore_index=True)
        show_figure(overlay(tables, column), data, f"compare-{column}")
        st.caption(
            f"{statistic_of(column).meaning} {settings.words}. With unlike numbers of blocks, depth runs from 0 to 1."
        )


if __name__ == "__main__":
    run_dashboard()
