"""Read what the original and a pruned model wrote from the store. No torch here."""

from __future__ import annotations

import json

import pandas as pd

from avss_core.jobs.requests.base import absolute_model
from avss_core.jobs.requests.generate import GenerateRequest
from avss_core.jobs.results import only_file
from avss_core.models.spec import ModelSpec
from avss_core.pruning.generation import SideBySide
from avss_core.runs import Store


def side_by_side_in(store: Store, request: GenerateRequest) -> SideBySide | None:
    """Both texts of a request, None while they are not written."""
    file = only_file(store, request)
    return None if file is None else SideBySide.from_dict(json.loads(pd.read_parquet(file)["texts"][0]))


def prompts_of(
    store: Store, model: ModelSpec, removed: tuple[int, ...], healing: str | None = None
) -> list[GenerateRequest]:
    """The prompts that were continued with and without these blocks, newest first."""
    wanted, identity = (absolute_model(model).source, sorted(removed), healing), model.identity()
    runs = [run for run in store.runs(GenerateRequest.kind, limit=None) if run.status == "done"]
    same = [run for run in runs if (run.spec["model"]["source"], run.spec["removed"], run.spec["healing"]) == wanted]
    asked = [(run.id, GenerateRequest.from_dict(run.spec)) for run in same]
    return [  # as the model's files are now
        request for run_id, request in asked if request.model.identity() == identity and request.run_id() == run_id
    ]
