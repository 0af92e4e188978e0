"""Errors on a page: one sentence in a box, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from avss_core.errors import AvssError


@contextmanager
def told_in_a_box() -> Iterator[None]:
    """Show an error of ours as a box, and let the page end there."""
    try:
        yield
    except AvssError as error:
        st.error(str(error), icon=":material/error:")
