"""Generation settings that hold alone, whatever the model's own generation config says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import GenerationConfig, PreTrainedModel


@contextmanager
def own_settings(network: PreTrainedModel, settings: GenerationConfig) -> Iterator[None]:
    """What `network.generate` goes by in the `with` block, when it is given no settings.

    Settings passed as an argument would be filled up from the model's own wherever they say nothing.
    """
    before = network.generation_config
    network.generation_config = settings
    try:
        yield
    finally:
        network.generation_config = before
