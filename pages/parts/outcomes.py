"""Evaluated cuts of one model on one text, as the frames that figures are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
import streamlit as st

from avss_core.errors import RunError
from avss_core.jobs import EvaluateRequest
from avss_core.jobs.results import evaluated_cuts, outcome_in
from avss_core.pruning.outcome import Outcome
from avss_core.pruning.random_cuts import DRAWS, is_complete, random_band, random_cuts
from pages.parts.engine import store

Blocks = tuple[int, ...]
RANDOM_DRAWS = DRAWS


@st.cache_data(show_spinner=False, max_entries=1024)
def _outcome(evaluation_key: str, _request: EvaluateRequest, removed: Blocks, reason: str) -> Outcome:
    return outcome_in(store(), _request, removed, reason)


def outcome(request: EvaluateRequest, removed: Blocks, reason: str) -> Outcome | None:
    """What removing these blocks does; None when that, or the unpruned model, has not been evaluated."""
    try:
        return _outcome(request.evaluation_key(removed), request, removed, reason)
    except RunError:
        return None


def evaluated(request: EvaluateRequest) -> set[Blocks]:
    """Every cut of this model that has been evaluated on this text and task."""
    return evaluated_cuts(store(), request)


def sweep_frame(
    request: EvaluateRequest, orders: Mapping[str, Sequence[int]], by_hand: Sequence[Blocks]
) -> pd.DataFrame:
    """Evaluated cuts as points: those along each method's order of removal, and those picked by hand."""
    there = evaluated(request)
    points = [
        (method, cut)
        for method, order in orders.items()
        for cut in (tuple(sorted(order[:n])) for n in range(len(order) + 1))
        if cut in there
    ]
    points += [("by hand", cut) for cut in by_hand if cut in there]
    rows = []
    for method, cut in points:
        found = outcome(request, cut, method)
        if found is not None:
            rows.append(_point(method, found))
    return pd.DataFrame(rows, columns=["method", "removed", "share", "retained", "low", "high", "blocks", "value"])


def random_frame(request: EvaluateRequest, n_blocks: int, protected: Blocks) -> pd.DataFrame:
    """Where the values that random cuts retain lie (`random_band`), for each size that has been drawn whole."""
    there = evaluated(request)
    rows = []
    for size in range(1, n_blocks - len(protected)):
        cuts = random_cuts(n_blocks, size, protected)
        if not there.issuperset(cuts):
            continue
        values = [found.retained for cut in cuts if (found := outcome(request, cut, "random")) is not None]
        band = random_band(values, is_complete(n_blocks, size, protected, len(cuts)))
        rows.append({"removed": size, "share": size / n_blocks, **asdict(band)})
    return pd.DataFrame(rows, columns=["removed", "share", "low", "median", "high", "draws", "coverage"])


def ablation_frame(request: EvaluateRequest, n_blocks: int) -> pd.DataFrame | None:
    """What removing each block alone adds to the loss (nats per token); None when not every block has been measured."""
    found = [outcome(request, (block,), "ablation") for block in range(n_blocks)]
    known = [each for each in found if each is not None]
    if len(known) < n_blocks:
        return None
    added = [float(np.log(each.after.value) - np.log(each.before.value)) for each in known]
    return pd.DataFrame({"block": range(n_blocks), "ablation": added})


def _point(method: str, found: Outcome) -> dict[str, object]:
    removed = found.cut.removed
    return {
        "method": method,
        "removed": len(removed),
        "share": len(removed) / found.cut.n_blocks,
        "retained": found.retained,
        "low": found.retained_low,
        "high": found.retained_high,
        "blocks": " ".join(map(str, removed)),
        "value": found.after.value,
    }
