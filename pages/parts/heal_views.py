"""What can be looked at of a healed cut, as of any other: a task, the measured gain, what it writes, the way home."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from avss_core.jobs import EvaluateRequest
from avss_core.jobs.heal_results import HealResult
from avss_core.pruning import Cut
from avss_core.runs import Run
from avss_core.tasks import PERPLEXITY
from pages.parts.generate_beside import draw_generate
from pages.parts.heal_task import draw_task
from pages.parts.measured_gain import draw_gain
from pages.parts.picked_cut import known_cut
from pages.parts.take_home import draw_take_home


def draw_views(profile: Run, healing: Run, result: HealResult, cut: Cut) -> None:
    """Nothing where nothing was healed; what does not help is evaluated, and not offered.

    profile: of the same model. healing: the finished run of which `result` is, of this cut.
    """
    trained = "trained" in result.apart
    if not (trained or "maps" in result.apart):
        return
    request, maps = result.request, result.maps
    judged = EvaluateRequest(request.model, request.evaluate, PERPLEXITY, ((), request.removed))
    views: dict[str, Callable[[], None]] = {"How does it do on a task?": lambda: draw_task(profile, healing, cut)}
    if trained or result.maps_help:
        views |= {
            "What is gained?": lambda: draw_gain(request.model, request.evaluate, cut, healing.id),
            "What does it write?": lambda: draw_generate(request.model, request.evaluate, cut, profile, healing.id),
        }
        if maps is not None and maps["helps"] and not maps["folded"]:
            st.caption("A map of this healing stays a module of its own, so it cannot become a plain model folder.")
        else:
            known = known_cut(request.model.identity(), cut.removed)
            method = "" if known is None else known.method
            views["Take it home"] = lambda: draw_take_home(judged, cut, healing.id, method)
    for tab, view in zip(st.tabs(list(views), key="heal-views", on_change="rerun"), views.values(), strict=True):
        if tab.open:
            with tab:
                view()
