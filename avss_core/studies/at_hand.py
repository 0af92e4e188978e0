"""Whether a model and a text are on this machine already; nothing is fetched to find out. No torch here."""

from __future__ import annotations

import os
from pathlib import Path

from huggingface_hub import constants, try_to_load_from_cache

from avss_core.corpora.spec import CorpusSpec
from avss_core.models.spec import ModelSpec


def missing_model(spec: ModelSpec) -> bool:
    """Whether a model is not here: no such folder or file, or of the hub and not in its cache.

    The default model and the stand-in classifier are made where they are missing, so they always are at hand.
    """
    if spec.kind in ("folder", "gguf"):
        return not spec.path.exists()
    if spec.kind != "hub":
        return False
    config = try_to_load_from_cache(spec.source, "config.json", revision=spec.revision)
    return not (isinstance(config, str) and any(Path(config).parent.glob("*.safetensors")))


def missing_text(spec: CorpusSpec) -> bool:
    """Whether a text is not here: no such file or folder, or of the hub and in neither of its caches."""
    if spec.kind == "sample":
        return False
    if spec.kind != "hub":
        return not spec.path.exists()
    prepared = Path(os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets")
    files = Path(constants.HF_HUB_CACHE) / f"datasets--{spec.source.replace('/', '--')}"
    return not (files.is_dir() or (prepared / spec.source.replace("/", "___")).is_dir())
