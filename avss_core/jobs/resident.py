"""The model that stays in this worker process, and the texts cut for it."""

from __future__ import annotations

import threading
from functools import lru_cache

import torch

from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window, make_windows, shard_windows
from avss_core.models.load import LoadedModel, load_model
from avss_core.models.spec import ModelSpec

TOKENS_PER_SHARD = 1024
MOST_SHARDS = 64

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


def shards_of(model_spec: ModelSpec, corpus_spec: CorpusSpec) -> tuple[tuple[Window, ...], ...]:
    """The windows of a corpus in shards of whole documents: about 1,024 tokens, or a 64th of a long text."""
    with in_use:
        return _shards(model_spec.identity(), model_spec, corpus_spec.identity(), corpus_spec)


@lru_cache(maxsize=4)
def _shards(
    _model: str, model_spec: ModelSpec, _corpus: str, corpus_spec: CorpusSpec
) -> tuple[tuple[Window, ...], ...]:
    windows = make_windows(read_corpus(corpus_spec), resident_model(model_spec).tokenizer)
    total = sum(len(window.ids) for window in windows)
    return tuple(shard_windows(windows, max(TOKENS_PER_SHARD, total // MOST_SHARDS)))
