"""The Profile page's view of the authors' script: its arithmetic on the same text, and what its rule would remove."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from avss_core.figures.curves import block_curve
from avss_core.figures.labels import Statistic, statistic_of
from avss_core.figures.strip import network_strip
from avss_core.figures.style import under_title
from avss_core.importance.authors_table import EPSILON
from avss_core.jobs import AuthorsRequest, ProfileRequest
from avss_core.jobs.results import authors_scores
from avss_core.pruning import authors_cumulative
from avss_core.runs import Run
from pages.parts.engine import store
from pages.parts.job_of_request import draw_request, start_request
from pages.parts.run_words import bands, model_and_text
from pages.parts.score_settings import ScoreSettings
from pages.parts.show import show_figure

AUTHORS_NORMS = {
    name: Statistic(name, pretty, symbol, None, unit, "Of the block's weights.", "neither")
    for name, pretty, symbol, unit in (
        ("gradient_l1", "Gradient L1 norm", "‖∂loss/∂W‖₁", "nats per unit of weight"),
        ("gradient_l2", "Gradient L2 norm", "‖∂loss/∂W‖₂", "nats per unit of weight"),
        ("weight_frobenius", "Weight Frobenius norm", "‖W‖<sub>F</sub>", "units of weight"),
    )
}


def draw_authors(run: Run, finished: int, settings: ScoreSettings) -> None:
    """What the authors' public script computes on the same model and text, and what its rule would remove."""
    profiled = ProfileRequest.from_dict(run.spec)
    request = AuthorsRequest(profiled.model, profiled.corpus)
    table = authors_scores(store(), request)
    known = store().find_run(request.run_id())
    if table is None:
        st.markdown(
            "The authors' public script averages each window over its tokens first, takes an unbiased variance over "
            f"the features, counts |mean| < {EPSILON:g} as silent, and averages both over windows. Its norms are of "
            "weights and of their gradients. That takes a pass of its own, with gradients, one window at a time."
        )
        if known is None or known.ended:
            st.button(
                "Measure it", key="authors", icon=":material/play_arrow:", on_click=start_request, args=(request,)
            )
        draw_request(request)
        return
    for column in ("variance", "sparsity", "avss", "avss_share", "avss_cumulative", *AUTHORS_NORMS):
        statistic = AUTHORS_NORMS.get(column, column)
        figure = block_curve(table, statistic, title=f"{statistic_of(statistic).short} by block (authors' script)")
        show_figure(under_title(figure, model_and_text(run)), table, f"authors-{column}")
    shards = 0 if known is None else len(store().units(known.id))
    st.caption(f"{bands(shards)} Weights do not depend on the text.")
    share = st.slider(
        "Its cumulative rule: remove blocks, in block order, while C ≤ p",
        0.0,
        1.0,
        0.25,
        key="authors-p",
        persist_state="session",
    )
    cut = authors_cumulative(table["avss_cumulative"].tolist(), share)
    heading = f"{len(cut.kept)} of {len(table)} blocks kept (authors' script, C ≤ {share:g})"
    strip = network_strip(len(table), cut.removed, title=heading)
    taken = pd.DataFrame({"block": table["block"], "removed": table["block"].isin(cut.removed)})
    show_figure(under_title(strip, model_and_text(run)), taken, "authors-strip")
    st.caption(
        f"Removed: {', '.join(map(str, cut.removed)) or 'none'} ({cut.reason}). Evaluate it by hand on the Prune page."
    )
