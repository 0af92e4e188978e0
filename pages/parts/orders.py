"""Every order of removal that is known of a model: AVSS from the profile, finished rankings, measured ablation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from avss_core.errors import AvssError
from avss_core.importance.avss import lowest_first
from avss_core.importance.methods import angular
from avss_core.importance.ranking import Ranking
from avss_core.importance.rankings import rankings_of
from avss_core.importance.registry import choose
from avss_core.importance.sums import Table
from avss_core.importance.sums_parquet import read_sums
from avss_core.jobs import EvaluateRequest, RankRequest
from avss_core.runs import Run
from pages.parts.engine import score_table, store
from pages.parts.outcomes import ablation_frame
from pages.parts.score_settings import ScoreSettings

ABLATION = "single-block ablation"
_ORDER_ONLY = 100  # resamples; only the order is read here, and intervals take time


@dataclass(frozen=True)
class Ranked:
    """An order of removal and the numbers behind it.

    scores: one a block, the lowest removed first. shares, cumulative: equations (8) and (9), empty where the scores
    are not AVSS. turns: for each number n of consecutive blocks the angular distance over every stretch of so many,
    (M − n + 1,), where the method has it. source: what it was measured on.
    """

    scores: tuple[float, ...]
    shares: tuple[float, ...] = ()
    cumulative: tuple[float, ...] = ()
    turns: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    source: str = ""

    @property
    def order(self) -> list[int]:
        """All blocks, the first to go first."""
        return lowest_first(self.scores)


def known_orders(run: Run, base: EvaluateRequest, settings: ScoreSettings) -> dict[str, list[int]]:
    """Label -> all blocks, the first to go first."""
    return {label: ranked.order for label, ranked in known_rankings(run, base, settings).items()}


def known_rankings(run: Run, base: EvaluateRequest, settings: ScoreSettings) -> dict[str, Ranked]:
    """AVSS at the chosen site from the profile `run`; every method of each finished comparison of this model, the
    newest of each; the ablation of single blocks, where the task of `base` has been evaluated without each of them.
    """
    table = score_table(run.id, len(store().units(run.id)), settings.site, settings.epsilon, settings.skip_first_token)
    found = {
        f"AVSS ({settings.site})": Ranked(
            tuple(table["avss"]),
            tuple(table["avss_share"]),
            tuple(table["avss_cumulative"]),
            source=f"the profile, {settings.words}",
        )
    }
    for label, ranked in _compared(base).items():
        found.setdefault(label, ranked)
    ablation = ablation_frame(base, len(table))
    if ablation is not None:
        found[ABLATION] = Ranked(tuple(ablation["ablation"]), source="the text that cuts are evaluated on")
    return found


def label_of(method: str) -> str:
    """What a method, as it was asked for (`avss@update`), is called on the pages."""
    chosen = choose(method)
    return f"{chosen.method.pretty_name} ({chosen.site})" if chosen.method.has_sites else chosen.method.pretty_name


def _compared(base: EvaluateRequest) -> dict[str, Ranked]:
    identity = base.model.identity()
    found: dict[str, Ranked] = {}
    for run in store().runs(RankRequest.kind):
        if run.status == "done" and run.facts.get("model_identity") == identity:
            try:
                ranked = _rankings(run.id, run.attempt)
            except AvssError as error:
                st.warning(f"A comparison of methods is left out: {error}")
                continue
            for label, each in ranked.items():
                found.setdefault(label, each)
    return found


@st.cache_resource(show_spinner=False, max_entries=128)
def _rankings(run_id: str, attempt: int) -> dict[str, Ranked]:
    """The rankings of one finished run of kind rank, by label; `attempt` only tells one state of it from the next."""
    del attempt
    run = store().run(run_id)
    request, n_blocks = RankRequest.from_dict(run.spec), int(run.facts["blocks"])
    tables = [read_sums(store().path_of(unit.file)) for unit in store().units(run.id)]
    source = f"{request.corpus.source}, {run.facts['tokens']:,} tokens"
    rankings = rankings_of(tables, request.settings, n_blocks, draws=_ORDER_ONLY)
    return {label_of(each.name): _ranked(each, tables, n_blocks, source) for each in rankings}


def _ranked(ranking: Ranking, tables: list[pd.DataFrame], n_blocks: int, source: str) -> Ranked:
    if ranking.method.name != angular.METHOD.name:
        return Ranked(ranking.scores, source=source)
    sums = Table(pd.concat(tables, ignore_index=True), n_blocks).sums()
    turns = {n: tuple(angular.distances(sums, n).tolist()) for n in range(1, n_blocks)}
    return Ranked(ranking.scores, turns=turns, source=source)
