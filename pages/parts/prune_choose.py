"""Choose the cut: what the blocks are ordered by, how far to go, free or as one stretch; or by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import EvaluateRequest
from avss_core.pruning import Cut, protected_ends
from avss_core.pruning.cuts_by_size import along_order, best_stretches
from avss_core.runs import Run
from pages.parts.choose_cut import BY_HAND, choose_method, tick_blocks
from pages.parts.orders import Ranked
from pages.parts.picked_cut import HandedCut
from pages.parts.prune_rules import Choice, choose_rule, cut_by_rule

Blocks = tuple[int, ...]

OTHER = "this cut"
_along = lru_cache(maxsize=512)(along_order)


@dataclass(frozen=True)
class Chosen:
    """A cut and where it stands.

    line: the order along which it lies, for the chart; `OTHER` for one that lies on none. order: the one it was
    chosen by, None by hand. cuts: by the name of each order, the cut of every size. measured_on: the texts that this
    was measured on. method: the score that chose it, for a model card. slides: the slider moves along the line.
    judged: how far to go was read off evaluations.
    """

    cut: Cut
    line: str
    order: str | None
    cuts: dict[str, tuple[Blocks, ...]]
    measured_on: tuple[CorpusSpec, ...]
    method: str = ""
    slides: bool = False
    judged: bool = False

    def handed(self, base: EvaluateRequest) -> HandedCut:
        """As other pages take it over. base: what it is evaluated on."""
        texts = self.measured_on + ((base.corpus,) if self.judged else ())
        return HandedCut(base.model.identity(), self.cut.removed, self.cut.reason, texts, self.method)


def choose_cut(run: Run, base: EvaluateRequest, rankings: dict[str, Ranked], ends: tuple[int, int]) -> Chosen:
    """Draw the widgets and return what they say. ends: so many first and last blocks never go, except by hand."""
    n_blocks = int(run.facts["blocks"])
    protected = protected_ends(n_blocks, *ends)
    cuts = {label: _along(tuple(ranked.order), n_blocks, protected) for label, ranked in rankings.items()}
    by, how_far = st.columns(2)
    with by:
        method = choose_method(rankings, n_blocks, base.model)
    if method == BY_HAND:
        cut, handed = tick_blocks(n_blocks, base.model)
        if handed is not None:
            return Chosen(cut, BY_HAND, None, cuts, handed.measured_on, handed.method)
        return Chosen(cut, BY_HAND, None, cuts, (CorpusSpec.from_dict(run.spec["corpus"]),))
    with how_far:
        rule = choose_rule()
    one_stretch = st.toggle(
        "One stretch only",
        key="contiguous",
        persist_state="session",
        help="Consecutive blocks, as Gromov et al. remove them: the stretch with the smallest angular distance where "
        "the order has one, else with the lowest sum of scores.",
    )
    ranked, line = rankings[method], method
    if one_stretch:
        line = f"{method}, one stretch"
        cuts[line] = best_stretches(ranked.scores, protected, ranked.turns)
    cut = cut_by_rule(rule, Choice(run, method, ranked, cuts[line], n_blocks, ends, one_stretch, base))
    st.caption(f"{method}: from {ranked.source}.")
    line = line if cut.removed in cuts[line] else OTHER
    return Chosen(cut, line, method, cuts, (ranked.text,), ranked.words, rule.slides, rule.judges)
