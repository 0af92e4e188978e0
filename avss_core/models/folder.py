"""A network and its tokenizer from a folder in the Hugging Face layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedModel

from avss_core.errors import ModelError
from avss_core.models.architecture import choose_class, read_config
from avss_core.models.explain import explain
from avss_core.models.quiet import quiet
from avss_core.models.tokenizer import load_tokenizer
from avss_core.models.verify import check_weights
from avss_core.models.weights import find_weights


def load_folder(
    folder: Path, what: str, dtype: torch.dtype, allow_pickle: bool = False, trust_remote_code: bool = False
) -> tuple[PreTrainedModel, Any]:
    """The network (on the CPU, with the head it was saved with) and the tokenizer.

    what: how an error names the model ("The folder …"). Everything that can be known is checked before the weights
    are read. Raises ModelError for a folder that is missing, incomplete, damaged, unsafe, or at odds with itself.
    """
    if not folder.is_dir():
        raise ModelError(f"There is no folder {folder}; give a folder with config.json, or the hub id of a model.")
    stated = read_config(folder, what, trust_remote_code)
    files = find_weights(folder, what, allow_pickle)
    with quiet():
        try:
            config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        except Exception as error:  # whatever settings that contradict each other, or code of its own, raise
            raise explain(what, error) from error
        tokenizer = load_tokenizer(folder, what, trust_remote_code)
        try:
            network, info = choose_class(stated).from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                trust_remote_code=trust_remote_code,
                use_safetensors=files[0].suffix == ".safetensors",
                ignore_mismatched_sizes=True,  # reported in `info` and refused below, by name
                output_loading_info=True,
            )
        except Exception as error:  # whatever a foreign config or file makes the libraries raise
            raise explain(what, error) from error
    check_weights(network, info, what)
    return network, tokenizer
