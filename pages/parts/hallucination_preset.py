"""q of acc@q and p of cov@p: the paper's for each of its data sets, or any."""

from __future__ import annotations

import streamlit as st

from avss_core.hallucination.metrics.presets import PRESETS, Preset, preset_for

_Q, _P = "hallucination-q", "hallucination-p"
_SOURCE = "hallucination-preset-source"


def choose_q_and_p(source: str) -> tuple[float, float]:
    """Draw the presets and both sliders; begins with the preset of the data set, 50 % and 50 % where it has none."""
    own = preset_for(source)
    if st.session_state.get(_SOURCE) != source or _Q not in st.session_state:
        st.session_state[_SOURCE] = source
        _take(own or PRESETS[0])
    presets, first, second = st.columns([3, 2, 2], vertical_alignment="bottom")
    with presets.popover("The paper's q and p", icon=":material/tune:"):
        for preset in PRESETS:
            st.button(
                f"{preset.data_set}: acc@{preset.q:.0%}, cov@{preset.p:.0%}",
                key=f"hallucination-preset-{preset.data_set}",
                on_click=_take,
                args=(preset,),
                width="stretch",
            )
    q = first.slider("q of acc@q: the most confident", 5, 100, step=5, format="%d %%", key=_Q, persist_state="session")
    p = second.slider("p of cov@p: an accuracy of", 5, 100, step=5, format="%d %%", key=_P, persist_state="session")
    return q / 100, p / 100


def _take(preset: Preset) -> None:
    st.session_state[_Q], st.session_state[_P] = round(100 * preset.q), round(100 * preset.p)
