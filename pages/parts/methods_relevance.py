"""What LRP conserves: how much of the output's relevance arrives at the input, and what took the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from avss_core.figures.multiples import score_multiples
from avss_core.importance.lrp import CAUSES
from avss_core.importance.ranking import Ranking
from pages.parts.show import show_figure

NOTHING = 1e-6  # of the output's relevance: less than this is not told


def draw_conservation(rankings: tuple[Ranking, ...]) -> None:
    """A line for every LRP ranking: share conserved, conservation error, where the rest went."""
    for ranking in rankings:
        if "boundaries" in ranking.details:
            st.caption(f"**{ranking.name}**: {conserved(ranking.details)}")


def conserved(account: Mapping[str, Any]) -> str:
    """The account of one ranking (`importance/lrp/methods.py`) in words.

    Shares are of Σ|f|, as is the conservation error: f itself may cancel between documents. A share counts in the
    direction of Σf, so that what arrives and what is lost add up to 100 %.
    """
    if not account["size"]:
        return "conservation error unknown, since no output has been explained."
    scale = math.copysign(account["size"], account["output"])
    lost = {cause: amount / scale for cause, amount in account["lost"].items()}
    arrived = 1 - (account["output"] - account["input"]) / scale
    causes = "; ".join(f"{CAUSES[cause]} ({share:+.1%})" for cause, share in lost.items() if abs(share) > NOTHING)
    return (
        f"{arrived:.1%} of the output's relevance arrives at the input; "
        f"conservation error {account['conservation_error']:.1e}. "
        + (f"What took the rest: {causes}." if causes else "Nothing took more than a millionth of it.")
    )


def draw_relevance(rankings: tuple[Ranking, ...]) -> None:
    """How much of the output's relevance is there at every boundary between blocks."""
    relevant = [ranking for ranking in rankings if "boundaries" in ranking.details]
    if not relevant:
        st.info("Choose lrp, lrp_alpha_beta or attnlrp to see how much relevance is kept.", icon=":material/science:")
        return
    boundaries = pd.DataFrame(
        [
            {"method": ranking.name, "block": block, "score": relevance}
            for ranking in relevant
            for block, relevance in enumerate(ranking.details["boundaries"][:-1])
        ]
    )
    units = {ranking.name: "Σ R before the block, in logits" for ranking in relevant}
    figure = score_multiples(boundaries, units, title="Relevance at every boundary between blocks")
    show_figure(figure, boundaries, "relevance")
