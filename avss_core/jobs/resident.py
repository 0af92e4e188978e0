"""The model that stays in this worker process, and the texts cut for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast

import torch

from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window
from avss_core.jobs.lanes import LANES, Lanes
from avss_core.models.device import choose_device
from avss_core.models.load import LoadedModel, load_model
from avss_core.models.spec import ModelSpec
from avss_core.models.twin import twin_of
from avss_core.tasks import PERPLEXITY, task_named
from avss_core.tasks.asked import Shard, shards_of_task
from avss_core.tasks.classes import classes_of
from avss_core.tasks.context_length import require_positions
from avss_core.variants.depth_config import per_block_settings

_lanes = Lanes()
_books = threading.RLock()  # held while what is in memory is looked up or changed
_all_threads = torch.get_num_threads()
_resident: dict[str, list[LoadedModel]] = {}  # the model and its twins, by lane
_without_twins: set[str] = set()  # of models that are used in one lane only
_beside: dict[str, Any] = {}


@contextmanager
def alone() -> Iterator[None]:
    """No other thread of this worker works with a model meanwhile; torch has all its threads."""
    with _lanes.alone():
        torch.set_num_threads(_all_threads)
        yield


@contextmanager
def side_by_side(spec: ModelSpec, before_loading: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Others may work with the same model meanwhile, each with its own twin of it (`resident_model`).

    Only on processors: a graphics processor gains nothing from it, and there it is one at a time. before_loading:
    called when the model has to be loaded, once nobody works with the one that it replaces; it may raise.
    """
    if _name(spec) not in _resident:
        with alone():  # twins cannot be made of a model at work
            before_loading()
            resident_model(spec)
    lanes = _lanes_for(spec)
    with _lanes.side_by_side(_name(spec), lanes):
        torch.set_num_threads(max(1, _all_threads // lanes))  # of this thread
        yield


def at_work() -> int:
    """How many threads of this worker work with a model now, at least 1."""
    return _lanes.at_work


def resident_model(spec: ModelSpec) -> LoadedModel:
    """The model of `spec`, loaded when another one (or none) is in memory; one is held at a time.

    Threads side by side are given twins: same weights, modules of their own.
    """
    name, lane = _name(spec), _lanes.number
    with _books:
        if name not in _resident:
            _resident.clear()
            _beside.clear()  # networks that share weights with the old model would keep it in memory
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            # All twins now: once the model is at work, its blocks may be stand-ins at any moment.
            _resident[name] = _with_twins(load_model(spec), spec)
        return _resident[name][lane]


def beside(spec: ModelSpec) -> dict[str, Any]:
    """What jobs keep in memory along with the model of `spec`, each under a name of its own.

    For networks made of it, which share its weights. All of it is forgotten when another model is loaded, and what has
    a run's id as its `run` when a unit of that run is broken off.
    """
    with _books:
        resident_model(spec)
        return _beside


def model_beside(
    spec: ModelSpec, name: str, which: Hashable, make: Callable[[LoadedModel], LoadedModel]
) -> LoadedModel:
    """What `make` gives for the model of `spec`, kept under `name` (`beside`) until it is asked for another `which`.

    Made once for all lanes: threads side by side are given twins of it, as of the model itself.
    """
    with _books:
        held, lane = beside(spec), _lanes.number
        if name not in held or held[name][0] != which:
            held.pop(name, None)  # the memory of the one before first
            made = _with_twins(make(resident_model(spec)), spec)
            made[0], made[lane] = made[lane], made[0]  # it has the tokenizer of this lane's model
            held[name] = (which, made)
        model: LoadedModel = held[name][1][lane]
        return model


def forget(run: str) -> None:
    """Drop what is kept for one run alone, beside whichever model: a run that was broken off holds no memory."""
    with _books:
        for name in [name for name, kept in _beside.items() if getattr(kept, "run", None) == run]:
            del _beside[name]


def shards_for(model: ModelSpec, corpus: CorpusSpec, task: str = PERPLEXITY) -> tuple[Shard, ...]:
    """A text as tokens, in shards of whole documents: as the task asks it, or as windows of text for perplexity.

    Raises SettingError when a window is longer than the model can be given.
    """
    with _books:
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
        "per_block_settings": per_block_settings(model.network.config, model.n_blocks),
        "classes": classes_of(model),
        "chat_template": bool(getattr(model.tokenizer, "chat_template", None)),
    }


def _with_twins(model: LoadedModel, spec: ModelSpec) -> list[LoadedModel]:
    try:
        return [model, *(twin_of(model) for _ in range(_lanes_for(spec) - 1))]
    except TypeError:  # a network or a tokenizer of somebody's own that holds what cannot be copied (a lock, a file)
        _without_twins.add(_name(spec))
        return [model]


def _lanes_for(spec: ModelSpec) -> int:
    on_processor = choose_device(spec.device).type == "cpu"
    return LANES if on_processor and _name(spec) not in _without_twins else 1


def _name(spec: ModelSpec) -> str:
    return f"{spec.identity()}@{spec.device}"


@lru_cache(maxsize=8)
def _shards(task: str, _model: str, model_spec: ModelSpec, _corpus: str, corpus_spec: CorpusSpec) -> tuple[Shard, ...]:
    model = resident_model(model_spec)
    shards = shards_of_task(task_named(task), corpus_spec, model.tokenizer)
    windows = (item for shard in shards for item in shard if isinstance(item, Window))
    require_positions(model, windows, corpus_spec.source)
    return shards
