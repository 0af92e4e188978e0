"""`avss models`: the models there are."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.models.default import default_folder
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store


def models(store: o.StoreUrl = None, as_json: o.Json = False) -> None:
    """The default model (fetched if it is not there yet), those in the hub's cache, and those of earlier runs.

    --model also takes any hub id, local folder, or GGUF file.
    """
    folder = default_folder(tell=lambda line: print(line, file=sys.stderr, flush=True))
    rows = [{"model": "default", "kind": "default", "where": str(folder)}, *_in_the_hub_cache()]
    rows += _of_earlier_runs(Store(store), {row["model"] for row in rows})
    answer({"default_folder": str(folder), "models": rows}, as_json, pd.DataFrame(rows))


def _in_the_hub_cache() -> list[dict[str, Any]]:
    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return [
        {"model": repository.repo_id, "kind": "hub", "where": str(repository.repo_path)}
        for repository in sorted(repositories, key=lambda repository: repository.repo_id)
        if repository.repo_type == "model"
    ]


def _of_earlier_runs(store: Store, known: set[str]) -> list[dict[str, Any]]:
    sources = dict.fromkeys(run.spec["model"]["source"] for run in store.runs(limit=None))
    specs = [ModelSpec(source) for source in sources if source not in known]
    return [
        {"model": spec.source, "kind": spec.kind, "where": str(spec.path) if spec.path.exists() else None}
        for spec in specs
    ]
