"""How answers are judged and blocks compared. Changing any of it generates nothing again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from avss_core.hallucination.judge import DEFAULT_JUDGE, JUDGES
from avss_core.hallucination.scores import HCS_FORMULAS, READINGS
from avss_core.importance import Epsilon
from pages.parts.score_settings import SITE_MEANING


@dataclass(frozen=True)
class ContrastSettings:
    """Site, ε and the reading of HCS."""

    site: str
    epsilon: Epsilon
    reading: str

    @property
    def words(self) -> str:
        """The settings in a few words, for captions."""
        return f"site {self.site}, ε = {self.epsilon}, HCS as {self.reading}"


def choose_judge() -> str:
    """Draw who says what is right; the judge's name."""
    names = [judge.name for judge in JUDGES]
    chosen = st.segmented_control(
        "Judge",
        names,
        default=DEFAULT_JUDGE,
        key="hallucination-judge",
        wrap=True,
        persist_state="session",
        required=True,
        help="  \n".join(f"**{judge.name}**: {judge.how}" for judge in JUDGES),
    )
    return chosen or DEFAULT_JUDGE


def choose_contrast(sites: Sequence[str]) -> ContrastSettings:
    """Draw site, ε and reading, in a row that wraps when they are in one; ε ≤ 0 raises SettingError."""
    site = st.segmented_control(
        "Site (which tensor)",
        sites,
        default=sites[0],
        key="hallucination-site",
        wrap=True,
        persist_state="session",
        required=True,
        help="; ".join(f"**{name}**: {SITE_MEANING[name]}" for name in sites) + ". The papers do not say.",
    )
    epsilon = st.number_input(
        "ε",
        value=0.01,
        step=0.001,
        format="%g",
        key="hallucination-epsilon",
        persist_state="session",
        width=150,
        help="|a| < ε counts as silent.",
    )
    relative = st.toggle(
        "ε × σ",
        key="hallucination-epsilon-relative",
        persist_state="session",
        help="ε as a multiple of each block's own σ.",
    )
    reading = st.segmented_control(
        "Reading of HCS",
        READINGS,
        default=READINGS[0],
        key="hallucination-reading",
        wrap=True,
        persist_state="session",
        required=True,
        help="; ".join(f"**{name}**: {HCS_FORMULAS[name]}" for name in READINGS)
        + "; x~ is x over its sum over blocks. Equation (11) is not legible in our source: these are readings of ours.",
    )
    return ContrastSettings(site or sites[0], Epsilon(float(epsilon), relative), reading or READINGS[0])
