"""What a score depends on beside the measured moments: site, ε, first token. Changing them runs nothing again."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from avss_core.importance import Epsilon

SITE_MEANING = {
    "residual": "the block's output (the literal reading)",
    "update": "what the block writes",
    "mlp": "the MLP's neurons",
    "attention": "the attention's output",
}


@dataclass(frozen=True)
class ScoreSettings:
    """Site, ε and whether the first token of every window is left out."""

    site: str
    epsilon: Epsilon
    skip_first_token: bool

    @property
    def words(self) -> str:
        """The settings in a few words, for captions and file names."""
        return f"site {self.site}, ε = {self.epsilon}" + (", without the first token" if self.skip_first_token else "")


def choose_score_settings(sites: list[str]) -> ScoreSettings:
    """Draw the widgets; ε ≤ 0 is told by an error box."""
    site_column, epsilon_column, sigma_column, token_column = st.columns([4, 2, 2, 3], vertical_alignment="bottom")
    site = site_column.segmented_control(
        "Site (which tensor)",
        sites,
        default=sites[0],
        key="site",
        wrap=True,
        persist_state="session",
        required=True,
        help="; ".join(f"**{name}**: {meaning}" for name, meaning in SITE_MEANING.items()) + ". The papers do not say.",
    )
    epsilon = epsilon_column.number_input(
        "ε",
        value=0.01,
        step=0.001,
        format="%g",
        key="epsilon",
        persist_state="session",
        help="Equation (4): |a| < ε counts as silent.",
    )
    relative = sigma_column.toggle(
        "ε × σ", key="epsilon-relative", persist_state="session", help="ε as a multiple of each block's own σ."
    )
    skip = token_column.toggle(
        "Skip first token",
        key="skip-first",
        persist_state="session",
        help="The first token of a window often carries activations that swamp the variance.",
    )
    return ScoreSettings(site or sites[0], Epsilon(float(epsilon), relative), skip)
