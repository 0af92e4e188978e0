"""A figure or a table on the page, with itself and its data to take home."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
import streamlit as st


def show_figure(
    figure: go.Figure, data: pd.DataFrame, name: str, more: Mapping[str, pd.DataFrame] | None = None
) -> None:
    """Draw `figure`; under it, downloads of its data (CSV) and of itself (HTML; its camera button gives a PNG).

    more: further tables that it draws, by their names.
    """
    config = {"displaylogo": False, "toImageButtonOptions": {"filename": name, "scale": 2}}
    st.plotly_chart(figure, key=f"figure-{name}", config=config)
    with st.container(horizontal=True, gap="small"):
        offer_csv(data, name)
        for what, table in (more or {}).items():
            offer_csv(table, f"{name}-{what.replace(' ', '-')}", f"{what} (CSV)")
        st.download_button(
            "figure (HTML)",
            lambda: figure.to_html(include_plotlyjs=True),
            f"{name}.html",
            "text/html",
            key=f"html-{name}",
            type="tertiary",
            icon=":material/download:",
            on_click="ignore",
        )


def offer_csv(data: pd.DataFrame, name: str, label: str = "data (CSV)") -> None:
    """A small button that downloads a table."""
    st.download_button(
        label,
        lambda: data.to_csv(index=False),
        f"{name}.csv",
        "text/csv",
        key=f"csv-{name}",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )
