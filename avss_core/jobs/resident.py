"""The model that stays in this worker process, and the texts cut for it."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, cast

import torch

from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window
from avss_core.models.load import LoadedModel, load_model
from avss_core.models.spec import ModelSpec
from avss_core.tasks import PERPLEXITY, task_named
from avss_core.tasks.asked import Shard, shards_of_task

# Held while a thread works with the model: a worker may have several threads, the hooks of two measurements on one
# network would see each other's activations, and a tokenizer cannot be used by two threads at once.
in_use = threading.RLock()
_resident: dict[str, LoadedModel] = {}
_beside: dict[str, Any] = {}


def resident_model(spec: ModelSpec) -> LoadedModel:
    """The model of `spec`, loaded when another one (or none) is in memory; one is held at a time."""
    name = f"{spec.identity()}@{spec.device}"
    with in_use:
        if name not in _resident:
            _resident.clear()
            _beside.clear()  # networks that share weights with the old model would keep it in memory
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            _resident[name] = load_model(spec)
        return _resident[name]


def beside(spec: ModelSpec) -> dict[str, Any]:
    """What jobs keep in memory along with the model of `spec`, each under a name of its own.

    For networks made of it, which share its weights. All of it is forgotten when another model is loaded.
    """
    with in_use:
        resident_model(spec)
        return _beside


def shards_for(model: ModelSpec, corpus: CorpusSpec, task: str = PERPLEXITY) -> tuple[Shard, ...]:
    """A text as tokens, in shards of whole documents: as the task asks it, or as windows of text for perplexity."""
    with in_use:
        return _shards(task, model.identity(), model, corpus.identity(), corpus)


def windows_for(model: ModelSpec, corpus: CorpusSpec) -> list[Window]:
    """A text as windows of tokens, all shards together."""
    return [cast(Window, window) for shard in shards_for(model, corpus) for window in shard]


def facts_of(spec: ModelSpec) -> dict[str, Any]:
    """What the pages and the shell want to know of a model, without loading it."""
    model = resident_model(spec)
    return {
        "model_identity": spec.identity(),
        "blocks": model.n_blocks,
        "blocks_path": model.blocks_path,
        "architecture": type(model.network).__name__,
        "hidden_size": model.hidden_size,
        "parameters": model.parameters_total,
        "block_parameters": [model.parameters_of(index) for index in range(model.n_blocks)],
        "fingerprint": model.fingerprint,
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "predicts_next_token": model.predicts_next_token,
        "chat_template": bool(getattr(model.tokenizer, "chat_template", None)),
    }


@lru_cache(maxsize=8)
def _shards(task: str, _model: str, model_spec: ModelSpec, _corpus: str, corpus_spec: CorpusSpec) -> tuple[Shard, ...]:
    return shards_of_task(task_named(task), corpus_spec, resident_model(model_spec).tokenizer)
