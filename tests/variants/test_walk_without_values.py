"""The walk and the loss look at no value on the way: tensors that have only a shape pass through them."""

from __future__ import annotations

import pytest
import torch
from random_models import build
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from avss_core.corpora.batches import Batch
from avss_core.models.blocks import find_blocks
from avss_core.models.load import LoadedModel
from avss_core.models.spec import ModelSpec
from avss_core.tasks.next_token import next_token_nll
from avss_core.variants import Variant
from avss_core.variants.trie import walk


@pytest.mark.parametrize("name", ["llama", "qwen2", "gpt2", "bloom", "opt", "bert"])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_shapes_alone_are_enough(name: str, device: str) -> None:
    with FakeTensorMode(), torch.device(device):
        network = build(name).requires_grad_(False)
        stack = find_blocks(network)
        here = torch.device(device)
        model = LoadedModel(ModelSpec("in-memory"), network, None, stack.modules, stack.path, "", here, torch.float32)
        ids = torch.zeros(2, 9, dtype=torch.long)
        variants = [Variant.full(4), Variant((0, 2), 4)]
        for _, hidden in walk(model, Batch(ids, torch.ones_like(ids), ()), variants, memory_budget=0):
            nll = next_token_nll(model, hidden.flatten(0, 1)[torch.arange(5)], torch.arange(5))
            assert (hidden.shape, nll.shape, nll.device) == ((2, 9, 64), (5,), here)
            assert isinstance(nll, FakeTensor)
