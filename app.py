"""The dashboard: routes to its pages. It reads the store, draws figures, submits jobs, and never imports torch."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages import compare, hallucination, heal, methods, overview, profile, prune, search, sweep, table1
from pages.parts.choose_run import choose_run
from pages.parts.first_start import profile_something_at_first
from pages.parts.trouble import told_in_a_box

ASSETS = Path(__file__).parent / "assets"

st.set_page_config(page_title="AVSS", page_icon=str(ASSETS / "favicon.svg"), layout="wide")
st.logo(str(ASSETS / "logo.svg"), size="large")

page = st.navigation(
    {
        "Measure": [
            st.Page(overview.page, title="Overview", icon=":material/monitoring:", url_path="start", default=True),
            # The one at the root has no address of its own name, which a person may type as that of any other page.
            st.Page(overview.page, title="Overview", url_path="overview", visibility="hidden"),
            st.Page(profile.page, title="Profile", icon=":material/ssid_chart:", url_path="profile"),
            st.Page(compare.page, title="Compare", icon=":material/stacked_line_chart:", url_path="compare"),
        ],
        "Score": [
            st.Page(methods.page, title="Methods", icon=":material/balance:", url_path="methods"),
            st.Page(table1.page, title="Papers' table", icon=":material/table_chart:", url_path="table1"),
        ],
        "Prune": [
            st.Page(prune.page, title="Prune", icon=":material/content_cut:", url_path="prune"),
            st.Page(sweep.page, title="Sweep", icon=":material/show_chart:", url_path="sweep"),
            st.Page(search.page, title="Search", icon=":material/account_tree:", url_path="search"),
            st.Page(heal.page, title="Heal", icon=":material/healing:", url_path="heal"),
        ],
        "Hallucination": [
            st.Page(
                hallucination.page, title="Hallucination", icon=":material/psychology_alt:", url_path="hallucination"
            ),
        ],
    }
)

with told_in_a_box():
    profile_something_at_first()
    choose_run()
    page.run()
