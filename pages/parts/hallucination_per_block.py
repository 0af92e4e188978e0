"""Where in the network it is known whether the answer will be right: the probe on every block's output."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from avss_core.errors import SettingError
from avss_core.figures.per_block import per_block_curves
from avss_core.hallucination.metrics.presets import preset_for
from avss_core.hallucination.papers_table2 import SOURCE, THEIR_MODEL, appendix_a_rows, papers_appendix_a
from avss_core.hallucination.per_block import per_block_rows, why_no_blocks
from avss_core.hallucination.probe import HOW
from avss_core.jobs import AnswersRequest
from pages.parts.hallucination_data import Answered
from pages.parts.hallucination_preset import choose_q_and_p
from pages.parts.hallucination_settings import ContrastSettings
from pages.parts.show import show_figure

NONE = "none"


def draw_per_block(request: AnswersRequest, of: Answered, settings: ContrastSettings) -> None:
    """Appendix A: curves and table; which of the paper's sets is laid under them."""
    del settings
    problem = why_no_blocks(of.frame, of.labels)
    if problem:
        raise SettingError(problem)
    q, p = choose_q_and_p(request.corpus.source)
    sets = [NONE, *dict.fromkeys(papers_appendix_a()["data_set"])]
    own = preset_for(request.corpus.source)
    begin = sets.index(own.data_set) if own is not None and own.data_set in sets else 0
    laid = st.segmented_control(
        "Theirs, laid under ours",
        sets,
        default=sets[begin],
        key=f"hallucination-theirs-{sets[begin]}",
        wrap=True,
        persist_state="session",
        required=True,
        help=f"Appendix A of the {SOURCE}: {THEIR_MODEL}, q and p of 50 %. Their layers are stretched over these "
        "blocks.",
    )
    table = blocks_of(of, q, p)
    theirs = None if laid in (None, NONE) else pd.DataFrame(appendix_a_rows(str(laid)))
    show_figure(per_block_curves(table, theirs), table, "per-block")
    st.caption(f"{HOW} It reads the block's output at the question's last token: our reading. Bands: 95 %.")
    names = [name for name in table.columns if not str(name).endswith(("_low", "_high"))]
    st.dataframe(table[names], hide_index=True)


@st.cache_data(show_spinner="Fitting a probe to every block …", max_entries=16)
def blocks_of(of: Answered, q: float, p: float) -> pd.DataFrame:
    """`per_block_rows` as a table."""
    rows: list[dict[str, Any]] = per_block_rows(of.frame, of.labels, q, p)
    return pd.DataFrame(rows)
