"""Activations caught with hooks of the tests' own, and their statistics by NumPy in float64, as §0 and §1 define."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from random_models import VOCAB
from torch import Tensor, nn

from avss_core.corpora.batches import Batch
from avss_core.corpora.windows import Window

Caught = dict[Any, list[NDArray[np.float64]]]


def random_windows(*lengths: int, seed: int = 1) -> list[Window]:
    """One document a window, of random tokens that are neither padding nor special."""
    generator = torch.Generator().manual_seed(seed)
    return [
        Window(document, 0, tuple(torch.randint(3, VOCAB, (length,), generator=generator).tolist()))
        for document, length in enumerate(lengths)
    ]


def float64(values: Tensor) -> NDArray[np.float64]:
    """The exact values (every float16, bfloat16 and float32 is a float64)."""
    return values.detach().to(torch.float64).numpy().copy()


@contextmanager
def catching(places: dict[Any, tuple[nn.Module, Callable[[Any, Any, Any], Any]]]) -> Iterator[Caught]:
    """For every name a module and what to take of its (arguments, keywords, answer), call by call."""
    caught: Caught = {name: [] for name in places}

    def hook_for(name: Any, take: Callable[[Any, Any, Any], Any]) -> Any:
        return lambda _module, args, kwargs, output: caught[name].append(take(args, kwargs, output))

    handles = [
        module.register_forward_hook(hook_for(name, take), with_kwargs=True) for name, (module, take) in places.items()
    ]
    try:
        yield caught
    finally:
        for handle in handles:
            handle.remove()


def taken_input(args: Any, kwargs: Any, _output: Any) -> NDArray[np.float64]:
    return float64(args[0] if args else kwargs["hidden_states"])


def taken_output(_args: Any, _kwargs: Any, output: Any) -> NDArray[np.float64]:
    return float64(output if isinstance(output, Tensor) else output[0])


def rows_of_windows(batch: Batch, values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Of (sequences, tokens, features) the real tokens of each window, in the order of `batch.windows`."""
    real = batch.attention_mask.numpy().astype(bool)
    return [values[row][real[row]] for row in range(len(batch.windows))]


def statistics(windows: Sequence[NDArray[np.float64]], epsilon: float) -> dict[str, float]:
    """Equations (1), (2), (4) and the norms of one block, from each window's (tokens, features)."""
    a = np.concatenate(windows)
    return {
        "n": a.size,
        "mean": a.sum() / a.size,
        "variance": ((a - a.mean()) ** 2).sum() / a.size,
        "std": np.sqrt(((a - a.mean()) ** 2).sum() / a.size),
        "sparsity": (np.abs(a) < epsilon).sum() / a.size,
        "l1": np.abs(a).sum(axis=1).mean(),
        "l2": np.sqrt((a**2).sum(axis=1)).mean(),
        "frobenius": float(np.mean([np.sqrt((window**2).sum()) for window in windows if len(window)])),
    }


def largest_by_hand(
    windows: Sequence[tuple[Window, NDArray[np.float64]]], count: int
) -> list[tuple[float, int, int, int]]:
    """(|a|, document, position, feature) of the largest, ties in the order of document, position, feature."""
    entries = [
        (-magnitude, window.document, window.start + token, feature)
        for window, values in windows
        for token, row in enumerate(np.abs(values))
        for feature, magnitude in enumerate(row)
        if magnitude > 0
    ]
    return [(-magnitude, *where) for magnitude, *where in sorted(entries)[:count]]
