"""With an empty store, the default model is profiled by itself, so that a newcomer sees life without a click."""

from __future__ import annotations

import streamlit as st

from avss_core.jobs import ProfileRequest
from pages.parts.engine import jobs, store


@st.cache_resource(show_spinner=False)
def profile_something_at_first() -> None:
    """Submit the default profile when there is no run; asked once per web server."""
    if not store().runs(limit=1):
        jobs().submit(ProfileRequest())
