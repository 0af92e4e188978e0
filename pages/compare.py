"""Two or more runs on one axis: two models, or one model on two texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from avss_core.errors import AvssError
from avss_core.figures.labels import STATISTICS, statistic_of
from avss_core.figures.overlay import overlay
from avss_core.figures.style import under_title
from avss_core.jobs import ProfileRequest
from avss_core.runs import Run
from pages.parts.by_address import run_dashboard
from pages.parts.choose_run import chosen_run, line_of
from pages.parts.engine import score_table, store
from pages.parts.run_sites import measured_sites
from pages.parts.score_settings import choose_score_settings
from pages.parts.show import show_figure


def names_of(runs: Sequence[Run]) -> dict[str, str]:
    """What the legend calls each run, by id; runs whose lines are alike are told apart by the start of their ids."""
    lines = {run.id: line_of(run).removeprefix("✓ ") for run in runs}
    alike = list(lines.values())
    return {run: f"{line} · {run[:6]}" if alike.count(line) > 1 else line for run, line in lines.items()}


def choose_runs(finished: Mapping[str, Run], names: Mapping[str, str], here: str) -> list[str]:
    """Draw which finished profiles are laid over one another: at first the one that all pages look at, and another.

    What is chosen stays when a profile finishes or is called otherwise, and for every `here` by itself.
    """
    first = [here] if here in finished else []
    others = [run_id for run_id in finished if run_id not in first]
    key = f"compare-runs-{here}"
    # Said anew each time, since the browser knows runs by names that may be old.
    st.session_state[key] = [each for each in st.session_state.get(key, [*first, *others[:1]]) if each in finished]
    return st.multiselect("Runs", list(finished), key=key, format_func=names.__getitem__, persist_state="session")


def page() -> None:
    """Draw the page."""
    st.title("Compare")
    here = chosen_run()
    finished = {run.id: run for run in store().runs(ProfileRequest.kind) if run.status == "done"}
    if len(finished) < 2:
        st.info("Two finished profiles are needed; start another one on the Overview page.", icon=":material/add:")
        return
    names = names_of(list(finished.values()))
    chosen = choose_runs(finished, names, here.id)
    if not chosen:
        return
    measured = [measured_sites(finished[run_id]) for run_id in chosen]
    shared = [site for site in measured[0] if all(site in sites for sites in measured)]
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
            st.warning(f"{names[run_id]}: {error}")
            continue
        tables[names[run_id]] = table
    if tables:
        data = pd.concat([table.assign(run=name) for name, table in tables.items()], ignore_index=True)
        show_figure(under_title(overlay(tables, column), settings.words), data, f"compare-{column}")
        st.caption(
            f"{statistic_of(column).meaning} {settings.words}. With unlike numbers of blocks, depth runs from 0 to 1."
        )


if __name__ == "__main__":
    run_dashboard()
