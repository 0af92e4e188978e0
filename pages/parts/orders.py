"""Every order of removal that is known of a model: AVSS from the profile, finished rankings, measured ablation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import AvssError
from avss_core.importance.avss import lowest_first, shares
from avss_core.importance.methods import angular, avss
from avss_core.importance.ranking import Ranking
from avss_core.importance.rankings import rankings_of
from avss_core.importance.registry import choose
from avss_core.importance.sums import Table
from avss_core.importance.sums_parquet import read_sums
from avss_core.jobs import EvaluateRequest, RankRequest
from avss_core.pruning.export.notes import text_name
from avss_core.runs import Run
from pages.parts.engine import score_table, store
from pages.parts.judged_text import share_documents
from pages.parts.outcomes import ablation_frame
from pages.parts.score_settings import ScoreSettings

ABLATION = "single-block ablation"
_ORDER_ONLY = 100  # resamples; only the order is read here, and intervals take time


@dataclass(frozen=True)
class Ranked:
    """An order of removal and the numbers behind it.

    scores: one a block, the lowest removed first. shares, cumulative: equations (8) and (9), empty where the scores
    are not AVSS. turns: for each number n of consecutive blocks the angular distance over every stretch of so many,
    (M − n + 1,), where the method has it. text: what it was measured on; source: that in words, with the settings.
    label: what it is called.
    """

    scores: tuple[float, ...]
    text: CorpusSpec
    shares: tuple[float, ...] = ()
    cumulative: tuple[float, ...] = ()
    turns: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    source: str = ""
    label: str = ""

    @property
    def words(self) -> str:
        """What it is, for a model card: of a local text only the name."""
        return f"{self.label} from {self.source.replace(self.text.source, text_name(self.text))}"

    @property
    def order(self) -> list[int]:
        """All blocks, the first to go first."""
        return lowest_first(self.scores)


def known_orders(run: Run, base: EvaluateRequest, settings: ScoreSettings) -> dict[str, list[int]]:
    """Label -> all blocks, the first to go first."""
    return {label: ranked.order for label, ranked in known_rankings(run, base, settings).items()}


def known_rankings(run: Run, base: EvaluateRequest, settings: ScoreSettings) -> dict[str, Ranked]:
    """AVSS at the chosen site from the profile `run`; every method of the finished comparisons of this model; the
    ablation of single blocks, where the task of `base` has been evaluated without each of them.

    Of several comparisons by one method that counts which was not made on text that is judged here, then that on the
    profiled text, then that on a whole text and not on a sample of it, then the newest.
    """
    profiled = CorpusSpec.from_dict(run.spec["corpus"])
    table = score_table(run.id, len(store().units(run.id)), settings.site, settings.epsilon, settings.skip_first_token)
    found = {
        f"AVSS ({settings.site})": Ranked(
            tuple(table["avss"]),
            profiled,
            tuple(table["avss_share"]),
            tuple(table["avss_cumulative"]),
            source=f"the profile of {profiled.source}, {settings.words}",
            label=f"AVSS ({settings.site})",
        )
    }
    for label, ranked in _compared(base, profiled).items():
        found.setdefault(label, ranked)
    ablation = ablation_frame(base, len(table))
    if ablation is not None:
        source = f"the text that cuts are evaluated on ({base.corpus.source})"
        found[ABLATION] = Ranked(tuple(ablation["ablation"]), base.corpus, source=source, label=ABLATION)
    return found


def label_of(method: str) -> str:
    """What a method, as it was asked for (`avss@update`), is called on the pages."""
    chosen = choose(method)
    return f"{chosen.method.pretty_name} ({chosen.site})" if chosen.method.has_sites else chosen.method.pretty_name


def _compared(base: EvaluateRequest, profiled: CorpusSpec) -> dict[str, Ranked]:
    identity = base.model.identity()
    runs = [run for run in store().runs(RankRequest.kind, limit=None) if run.status == "done"]
    texts = {run.id: CorpusSpec.from_dict(run.spec["corpus"]) for run in runs}

    def worse(run: Run) -> tuple[bool, bool, bool]:
        text = texts[run.id]
        return share_documents(text, base.corpus), text.source != profiled.source, text.subset is not None

    found: dict[str, Ranked] = {}
    for run in sorted((run for run in runs if run.facts.get("model_identity") == identity), key=worse):
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
    rankings = rankings_of(tables, request.settings, n_blocks, draws=_ORDER_ONLY)
    source = f"{request.corpus.source}, {run.facts['tokens']:,} tokens"
    return {label_of(each.name): _ranked(each, tables, n_blocks, request, source) for each in rankings}


def _ranked(ranking: Ranking, tables: list[pd.DataFrame], n_blocks: int, request: RankRequest, source: str) -> Ranked:
    settings, label = request.settings, label_of(ranking.name)
    if ranking.method.has_sites:
        source += f", ε = {settings.epsilon}" + ", without the first token" * settings.skip_first_token
    if ranking.method.name == avss.METHOD.name:
        parts = shares(np.asarray(ranking.scores))
        sums = tuple(parts.cumsum().tolist())
        return Ranked(ranking.scores, request.corpus, tuple(parts.tolist()), sums, source=source, label=label)
    if ranking.method.name != angular.METHOD.name:
        return Ranked(ranking.scores, request.corpus, source=source, label=label)
    angles = Table(pd.concat(tables, ignore_index=True), n_blocks).sums()
    turns = {n: tuple(angular.distances(angles, n).tolist()) for n in range(1, n_blocks)}
    return Ranked(ranking.scores, request.corpus, turns=turns, source=source, label=label)
