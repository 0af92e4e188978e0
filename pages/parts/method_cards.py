"""The methods' cards: what each sees, what it is blind to, what it takes and where it is from."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from avss_core.importance.method import Method
from avss_core.importance.registry import METHODS, choose


def draw_cards(names: Iterable[str]) -> None:
    """One card a method, however many of its sites (`avss@update`) are among the names."""
    chosen = {choose(name).method.name for name in names}
    with st.expander("What the methods are"):
        for method in METHODS:
            if method.name in chosen:
                _draw(method)


def _draw(method: Method) -> None:
    source = f"[{method.paper}]({method.url})" if method.url else method.paper
    st.markdown(f"**{method.pretty_name}** ({source}).")
    unit = f" Unit: {method.unit}." if method.unit else ""
    st.markdown(
        f"Sees: {method.sees}  \nBlind to: {method.blind_to}  \n"
        f"Cost: {method.cost}. Measures: {method.needs}. Asks for: {method.asks}.  \n"
        f"Direction: {method.direction}.{unit}"
    )
    if method.our_reading:
        st.caption(f"Our reading: {method.our_reading}")
    if method.licence_note:
        st.caption(f"Patents: {method.licence_note}")
