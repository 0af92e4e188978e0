"""What a cut gains on the device that the worker uses: speed, latency, memory, measured beside the original."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.figures.gain import gain_chart
from avss_core.jobs.gain_results import gain_in
from avss_core.jobs.requests import GainRequest
from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut
from avss_core.pruning.gain_table import GainSettings
from pages.parts.engine import store
from pages.parts.job_of_request import draw_request, start_request
from pages.parts.show import show_figure

_BYTES = 1e6


def start(request: GainRequest, again: bool) -> None:
    """Submit a measurement (for callbacks); `again` forgets the one that was made before."""
    if again and gain_in(store(), request) is not None:
        store().delete_run(request.run_id())
    start_request(request)


def choose_settings() -> GainSettings:
    """Draw how much both models do in a round."""
    with st.expander("How much is timed"):
        left, middle, right, last = st.columns(4)
        tokens = left.select_slider(
            "Tokens a pass", [64, 128, 256, 512, 1024], 512, key="gain-tokens", persist_state="session"
        )
        prompt = middle.select_slider(
            "Tokens of prompt", [16, 64, 128, 256], 128, key="gain-prompt", persist_state="session"
        )
        new = right.select_slider("New tokens", [8, 16, 32, 64], 32, key="gain-new", persist_state="session")
        rounds = last.select_slider("Rounds", [3, 5, 9, 15], 5, key="gain-rounds", persist_state="session")
    return GainSettings(tokens, prompt, new, rounds)


def people(table: pd.DataFrame) -> pd.DataFrame:
    """The table for people: bytes as megabytes, medians with the spread of the rounds in words."""
    rows = []
    for row in table.to_dict(orient="records"):
        scale, unit = (_BYTES, "MB") if row["unit"] == "bytes" else (1.0, row["unit"])
        rows.append(
            {
                "quantity": row["label"],
                "unit": unit,
                "original": row["original"] / scale,
                "pruned": row["pruned"] / scale,
                "pruned / original": row["ratio"],
                "of the rounds": "" if row["rounds"] == 1 else f"{row['ratio_low']:.3f} to {row['ratio_high']:.3f}",
                "better": "higher" if row["higher_is_better"] else "lower",
            }
        )
    return pd.DataFrame(rows)


def draw_gain(model: ModelSpec, corpus: CorpusSpec, cut: Cut, healing: str | None = None) -> None:
    """The button that measures, its progress, and what was found: a figure and a table.

    corpus: names the text in the history; no text is read. healing: the id of a finished healing run of this cut, whose
    network is measured.
    """
    st.subheader("What is gained?", anchor=False)
    if not cut.removed:
        st.caption("Nothing is removed yet, so there is nothing to gain.")
        return
    request = GainRequest(model, corpus, cut.removed, choose_settings(), healing)
    table = gain_in(store(), request)
    st.button(
        "Measure again" if table is not None else "Measure speed and memory",
        key="measure-gain",
        icon=":material/speed:",
        on_click=start,
        args=(request, table is not None),
        help="Both models do the same work in turns, so that what else the machine does meets both alike.",
    )
    draw_request(request)
    if table is None:
        return
    show_figure(gain_chart(table), table, "gain")
    numbers = {
        name: st.column_config.NumberColumn(format="%.4g") for name in ("original", "pruned", "pruned / original")
    }
    st.dataframe(people(table), hide_index=True, column_config=numbers)
    facts = store().run(request.run_id()).facts
    healed = "" if healing is None else "“pruned” is the healed cut. "
    st.caption(
        f"{healed}On {facts.get('device', 'this device')} in {facts.get('dtype', 'its own precision')}: "
        f"{request.settings.tokens} tokens a pass, {request.settings.new_tokens} tokens written after "
        f"{request.settings.prompt_tokens}. Medians of {request.settings.rounds} rounds; ratios are of values measured "
        "in the same round. Another machine gives other numbers."
    )
