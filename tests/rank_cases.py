"""Texts and networks for tests of ways to score blocks, and what plain PyTorch says of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from random_models import VOCAB, build
from torch import Tensor

from avss_core.corpora.windows import Window
from avss_core.models.load import LoadedModel, wrap


@cache
def model_of(name: str, blocks: int = 4) -> LoadedModel:
    """A random network in float32 without a tokenizer; shared, so it must be left as it was."""
    return wrap(build(name, blocks), tokenizer=None)


def windows_of(*lengths: int, first_document: int = 0) -> list[Window]:
    """A window of random tokens for each length, each of a document of its own."""
    generator = torch.Generator().manual_seed(7 + first_document)
    return [
        Window(first_document + number, 0, tuple(torch.randint(3, VOCAB, (length,), generator=generator).tolist()))
        for number, length in enumerate(lengths)
    ]


def states_of(model: LoadedModel, window: Window) -> list[Tensor]:
    """h[0] … h[M] of one window alone, (1, tokens, hidden) each, with their graph when gradients are on."""
    states: list[Tensor] = []

    def hook(_block: object, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if not states:
            states.append(args[0] if args else kwargs["hidden_states"])
        states.append(output if isinstance(output, Tensor) else output[0])

    handles = [block.register_forward_hook(hook, with_kwargs=True) for block in model.blocks]
    try:
        model.network(input_ids=torch.tensor([window.ids]))
    finally:
        for handle in handles:
            handle.remove()
    return states


def as_numpy(states: Sequence[Tensor]) -> list[NDArray[np.float64]]:
    """The same in float64, (tokens, hidden) each."""
    return [state[0].detach().double().numpy() for state in states]


def logits_of(network: torch.nn.Module, window: Window) -> Tensor:
    """(tokens, vocabulary)."""
    with torch.no_grad():
        logits: Tensor = network(input_ids=torch.tensor([window.ids])).logits[0]
    return logits


def nll_of(logits: Tensor, window: Window) -> NDArray[np.float64]:
    """−ln p of every token but the first, written out: (tokens − 1,)."""
    values = logits.double().numpy()[:-1]
    norm = np.log(np.exp(values).sum(axis=1))
    return norm - values[np.arange(len(values)), list(window.ids[1:])]
