"""Small networks and texts for relevance."""

from __future__ import annotations

import pytest
import torch
from random_models import VOCAB, build
from torch import nn

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.models.load import LoadedModel, wrap


@pytest.fixture(scope="session")
def batch() -> Batch:
    """Two documents, one of two windows, of unlike lengths: padding in one rectangle."""
    generator = torch.Generator().manual_seed(3)
    lengths = [(0, 9), (1, 7), (1, 4)]
    windows = [
        Window(document, 0, tuple(torch.randint(3, VOCAB, (n,), generator=generator).tolist()))
        for document, n in lengths
    ]
    (batch,) = make_batches(windows, pad_id=0)
    return batch


def loaded(name: str, blocks: int = 3, biases: bool = True) -> LoadedModel:
    """A random network; without biases, those of all its layers are 0."""
    network = build(name, blocks)
    if not biases:
        remove_biases(network)
    return wrap(network, tokenizer=None)


def remove_biases(network: nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.rpartition(".")[2].endswith("bias"):
                parameter.zero_()


@pytest.fixture
def model_of():
    """`model_of(name, blocks=3, biases=True)` builds a random network."""
    return loaded
