"""The slider over cuts of growing size, the strip of the network and the numbers of each cut, drawn in the browser.

All cuts and what is known of them go to the browser at once, so that strip and numbers follow the slider there; the
page's script runs when it has come to rest. Streamlit's own slider asks the server first, and tells it late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from avss_core.figures.style import MUTED, PALETTE

Blocks = tuple[int, ...]
NOT_EVALUATED = "This cut has not been evaluated yet."
REST, LONG_REST = 120, 700  # milliseconds; the longer one where each rest starts something
_FILES = Path(__file__).parents[2] / "assets" / "cutoff"
_slider = component(
    "avss_cutoff",
    html=(_FILES / "cutoff.html").read_text(encoding="utf-8"),
    css=(_FILES / "cutoff.css").read_text(encoding="utf-8"),
    js=(_FILES / "cutoff.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Reading:
    """A number in a box. note: its interval or the like, in small letters under it."""

    label: str
    value: str
    note: str


def cutoff_of(key: str, cuts: Sequence[Blocks], default: int) -> Blocks:
    """The cut that the slider of this key stands at: the one whose number of blocks is nearest to that it was put to.

    cuts: at least one. default: the number of blocks before it has been moved.
    """
    wanted = int(st.session_state.get(key, default))
    cut = min(cuts, key=lambda cut: abs(len(cut) - wanted))
    st.session_state[key] = len(cut)
    return cut


def draw_cutoff_slider(
    key: str,
    n_blocks: int,
    protected: Blocks,
    cuts: Sequence[Blocks],
    cut: Blocks,
    readings: Mapping[Blocks, Sequence[Reading]],
    *,
    label: str = "",
    unknown: str = NOT_EVALUATED,
    rest: int = REST,
) -> None:
    """Draw slider, strip and numbers; `st.session_state[key]` holds the number of blocks it was moved to.

    cuts: one for each place of the slider; a single one is drawn without it. cut: that of them which is shown.
    readings: what is known of a cut. unknown: what is said of one that is not among them. rest: milliseconds without
    a further key after which the server is told.
    """
    shown = _slider(
        key=f"{key}-slider",
        data={
            "label": label,
            "help": f"The papers remove about 25 %, which is {round(n_blocks / 4)} of these {n_blocks} blocks.",
            "blocks": n_blocks,
            "protected": protected,
            "cuts": cuts,
            "at": cuts.index(cut),
            "readings": [[asdict(each) for each in readings[cut]] if cut in readings else None for cut in cuts],
            "unknown": unknown,
            "rest": rest,
            "turn": st.session_state.get(f"{key}-turn", 0),
            "colours": PALETTE[:3],
            "outline": MUTED,
        },
        on_moved_change=partial(_take_place, key),
    )
    # A browser whose session was lost says in a new one where its slider stands, without a change to be called for.
    if shown.moved and shown.moved["turn"] > st.session_state.get(f"{key}-turn", 0):
        _take_place(key)
        st.rerun()


def _take_place(key: str) -> None:
    moved = st.session_state[f"{key}-slider"].moved
    st.session_state[key], st.session_state[f"{key}-turn"] = moved["removed"], moved["turn"]
