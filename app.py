"""The dashboard: routes to its pages. It reads the store, draws figures and submits jobs; torch is never imported here."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.parts.choose_run import choose_run
from pages.parts.first_start import profile_something_at_first
from pages.parts.trouble import told_in_a_box

ASSETS = Path(__file__).parent / "assets"

st.set_page_config(page_title="AVSS", page_icon=str(ASSETS / "favicon.svg"), layout="wide")
st.logo(str(ASSETS / "logo.svg"), size="large")

page = st.navigation(
    [
        st.Page("pages/overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page("pages/profile.py", title="Profile", icon=":material/ssid_chart:"),
        st.Page("pages/prune.py", title="Prune", icon=":material/content_cut:"),
    ]
)

with told_in_a_box():
    profile_something_at_first()
    choose_run()
    page.run()
