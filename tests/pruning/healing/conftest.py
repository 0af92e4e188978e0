from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from random_models import VOCAB
from torch import nn

from avss_core.corpora.windows import Window

MakeWindows = Callable[..., list[Window]]


@pytest.fixture
def make_windows() -> MakeWindows:
    def make(
        documents: int = 12, seed: int = 0, shortest: int = 12, longest: int = 24, written_by: nn.Module | None = None
    ) -> list[Window]:
        """One window a document, of different lengths so that batches are padded.

        written_by: a network that the text is sampled from, so that nobody foretells it better on average, and what
        brings a pruned network nearer to this one also lowers its loss; else every token is as likely as any other.
        """
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(shortest, longest + 1, (documents,), generator=generator).tolist()
        ids = torch.randint(3, VOCAB, (documents, 1 if written_by else longest), generator=generator)
        while ids.shape[1] < longest:
            with torch.no_grad():
                chances = written_by(ids).logits[:, -1].softmax(-1)
            ids = torch.cat([ids, torch.multinomial(chances, 1, generator=generator)], dim=1)
        return [Window(n, 0, tuple(ids[n, :length].tolist())) for n, length in enumerate(lengths)]

    return make


class Untouched:
    """Remembers a network, and asserts that nothing about it has changed."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        self.modules = [type(module) for module in network.modules()]

    def check(self) -> None:
        now = self.network.state_dict()
        assert now.keys() == self.tensors.keys()
        for name, tensor in self.tensors.items():
            assert torch.equal(now[name], tensor), name
        assert [type(module) for module in self.network.modules()] == self.modules
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in self.network.modules())
        assert not any(parameter.requires_grad for parameter in self.network.parameters())
        assert all(parameter.grad is None for parameter in self.network.parameters())
        assert not self.network.training


@pytest.fixture
def untouched() -> type[Untouched]:
    return Untouched
