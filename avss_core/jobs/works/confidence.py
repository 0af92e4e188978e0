"""Confidence: for a shard of answered questions, ask the same model again how sure it is."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from avss_core.errors import RunError
from avss_core.hallucination.ask_confidence import ask_confidence
from avss_core.hallucination.asking import answer_task
from avss_core.jobs.requests import ConfidenceRequest
from avss_core.jobs.resident import resident_model
from avss_core.jobs.works.answers import AnswersWork, without_blocks
from avss_core.jobs.works.base import Turn, Work, Write
from avss_core.models.load import LoadedModel
from avss_core.tasks.asked import Shard
from avss_core.tasks.run import check_task

_READ = ["example", "question", "answer", "prompt_ids"]


class ConfidenceWork(Work):
    """A unit of answers makes a unit of confidence; the columns are told in `jobs/confidence_results.py`."""

    def check(self, request: ConfidenceRequest, model: LoadedModel) -> None:
        check_task(answer_task(), model)

    def run(self, request: ConfidenceRequest, turn: Turn) -> Write:
        answers = _answers(request, turn)
        model = without_blocks(resident_model(request.model), request.answers.removed)
        return ask_confidence(model, answers, request.settings, request.answers.most_tokens, turn.count).to_parquet

    def shards(self, request: ConfidenceRequest) -> Sequence[Shard]:
        return AnswersWork().shards(request.answers)


def _answers(request: ConfidenceRequest, turn: Turn) -> pd.DataFrame:
    """The answers of the unit of the same number; RunError while they are not there."""
    wanted = request.answers.run_id()
    for unit in turn.store.units(wanted):
        path = turn.store.path_of(unit.file)
        if unit.number == turn.number and path.is_file():
            return pd.read_parquet(path, columns=_READ)
    raise RunError(f"The answers (run {wanted}) are not all there; write them first, then ask how sure the model is.")
