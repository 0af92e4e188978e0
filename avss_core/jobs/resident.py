"""The model that stays in this worker process, and the texts cut for it."""

from __future__ import annotations

import threading
from functools import lru_cache

import torch

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs.requests import EvaluateRequest, Request
from avss_core.models.load import LoadedModel, load_model
from avss_core.models.spec import ModelSpec
from avss_core.tasks import PERPLEXITY, task_named
from avss_core.tasks.asked import Shard, shards_of_task

# Held while a thread works with the model: a worker may have several threads, the hooks of two measurements on one
# network would see each other's activations, and a tokenizer cannot be used by two threads at once.
in_use = threading.RLock()
_resident: dict[str, LoadedModel] = {}


def resident_model(spec: ModelSpec) -> LoadedModel:
    """The model of `spec`, loaded when another one (or none) is in memory; one is held at a time."""
    name = f"{spec.identity()}@{spec.device}"
    with in_use:
        if name not in _resident:
            _resident.clear()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            _resident[name] = load_model(spec)
        return _resident[name]


def shards_of(request: Request) -> tuple[Shard, ...]:
    """The text of a request as tokens, in shards of whole documents: a task's own, or windows to profile."""
    task = request.task if isinstance(request, EvaluateRequest) else PERPLEXITY  # whose shards are windows of text
    with in_use:
        return _shards(task, request.model.identity(), request.model, request.corpus.identity(), request.corpus)


@lru_cache(maxsize=4)
def _shards(task: str, _model: str, model_spec: ModelSpec, _corpus: str, corpus_spec: CorpusSpec) -> tuple[Shard, ...]:
    return shards_of_task(task_named(task), corpus_spec, resident_model(model_spec).tokenizer)
