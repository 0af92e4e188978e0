"""From a model's config to the class that loads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from avss_core.errors import ModelError
from avss_core.models.explain import needs_its_own_code
from avss_core.models.weights import instead

# In the order they are tried; whatever is none of them is loaded without a head.
_HEADS: list[tuple[str, Any, set[str]]] = [
    ("AutoModelForCausalLM", AutoModelForCausalLM, set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())),
    (
        "AutoModelForSequenceClassification",
        AutoModelForSequenceClassification,
        set(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES.values()),
    ),
    ("AutoModelForMaskedLM", AutoModelForMaskedLM, set(MODEL_FOR_MASKED_LM_MAPPING_NAMES.values())),
]


def read_config(folder: Path, what: str, trust_remote_code: bool) -> dict[str, Any]:
    """The folder's `config.json`, of an architecture that can be loaded. Raises ModelError otherwise."""
    file = folder / "config.json"
    if not file.is_file():
        raise ModelError(f"{what} is not a model: it has no config.json; {instead(folder)}.")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{file} is not valid JSON ({error}); download the model again.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file} does not hold the settings of a model; download the model again.")
    kind = config.get("model_type")
    if kind in CONFIG_MAPPING_NAMES or (config.get("auto_map") and trust_remote_code):
        return config
    if config.get("auto_map"):
        raise needs_its_own_code(what)
    raise ModelError(
        f"{what} is of an architecture ({kind or 'no model_type in its config.json'}) that the installed "
        "transformers does not know; install a newer one, or choose another model."
    )


def choose_class(config: dict[str, Any]) -> Any:
    """The Auto class for the architecture that a config names: with the head it was saved with, else the base model."""
    architectures = set(config.get("architectures") or ())
    for _, auto_class, known in _HEADS:
        if architectures & known:
            return auto_class
    own_classes = config.get("auto_map") or {}
    return next((auto_class for name, auto_class, _ in _HEADS if name in own_classes), AutoModel)
