"""From a ModelSpec to a LoadedModel."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from avss_core.models.default import default_folder
from avss_core.models.device import choose_device, choose_dtype
from avss_core.models.explain import explain
from avss_core.models.folder import load_folder
from avss_core.models.gguf_file import load_gguf
from avss_core.models.hub import fetch
from avss_core.models.loaded import LoadedModel, wrap
from avss_core.models.spec import ModelSpec
from avss_core.models.standin import standin_folder
from avss_core.models.tokenizer import ensure_padding
from avss_core.models.verify import check_finite

__all__ = ["LoadedModel", "load_model", "wrap"]


def load_model(spec: ModelSpec) -> LoadedModel:
    """Load what `spec` names, check that its weights are complete and finite, and put it on its device.

    Raises ModelError when the model is missing, damaged, unsafe or not made of blocks, ResourceError when it does not
    fit into memory.
    """
    device = choose_device(spec.device)
    network, tokenizer = _read(spec, choose_dtype(spec.dtype, device))
    what = f"The model {spec.source}"
    ensure_padding(tokenizer, network, what)
    try:
        nn.Module.to(network, device)
    except RuntimeError as error:  # mostly: out of the device's memory
        raise explain(what, error) from error
    check_finite(network, what)
    return wrap(network, tokenizer, spec)


def _read(spec: ModelSpec, dtype: torch.dtype) -> tuple[PreTrainedModel, Any]:
    if spec.kind == "default":
        return load_folder(default_folder(), "The default model", dtype)
    if spec.kind == "standin":
        return load_folder(standin_folder(), "The stand-in classifier", dtype)
    if spec.kind == "gguf":
        return load_gguf(spec.path, dtype)
    if spec.kind == "folder":
        return load_folder(spec.path, f"The folder {spec.path}", dtype, spec.allow_pickle, spec.trust_remote_code)
    folder = fetch(spec.source, spec.revision, spec.allow_pickle, spec.trust_remote_code)
    return load_folder(folder, f"The hub's model {spec.source}", dtype, spec.allow_pickle, spec.trust_remote_code)
