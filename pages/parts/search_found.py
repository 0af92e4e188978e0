"""What a search has found so far, and how its cuts do on held-out text, read from the store."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import EvaluateRequest, SearchRequest
from avss_core.jobs.search_results import cuts_of, held_out_request, held_out_table, search_records
from avss_core.pruning.search import Step, StepRecord, steps_table
from avss_core.runs import Run
from pages.parts.engine import store
from pages.parts.outcomes import outcomes_by_cut


@dataclass(frozen=True)
class Found:
    """A search's run, what was asked, its finished steps, and the evaluation of their cuts on held-out text."""

    run: Run
    request: SearchRequest
    records: tuple[StepRecord, ...]
    judged: EvaluateRequest

    @property
    def steps(self) -> list[Step]:
        """The steps alone."""
        return [record.step for record in self.records]

    @property
    def table(self) -> pd.DataFrame:
        """One row a step."""
        return steps_table(self.steps)

    @property
    def label(self) -> str:
        """The search in a few words, with how far it went."""
        removed = f"{len(self.steps[-1].removed)} removed" if self.steps else "no step yet"
        limits = self.request.settings.limits
        asked = f", at least {limits.retain:.0%}" if limits.retain else ""
        return f"{self.request.settings.label}{asked} · {removed}"

    def held_out(self) -> pd.DataFrame:
        """One row a step that has been judged on held-out text."""
        outcomes = outcomes_by_cut(self.judged, cuts_of(self.steps))
        return held_out_table(self.steps, {cut: by_metric[0] for cut, by_metric in outcomes.items()})


def found(run_id: str, held_out: CorpusSpec) -> Found:
    """Read a search."""
    run = store().run(run_id)
    request, records = SearchRequest.from_dict(run.spec), search_records(store(), run_id)
    return Found(run, request, records, held_out_request(request, [record.step for record in records], held_out))
