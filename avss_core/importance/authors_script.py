"""What the AVSS authors' public script measures, for those who want its numbers and not the equations' literal reading.

For each sample (a window), a block's output is averaged over the tokens first; the unbiased variance over the features
and the share of |mean| < 1e-5 are then averaged over samples. Its norms are of weights and of their gradients, not of
activations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from avss_core.activations.taps import hidden_of
from avss_core.corpora.windows import Window
from avss_core.importance.passes.sequence_means import variance_and_silent
from avss_core.models.load import LoadedModel


def authors_sums(
    model: LoadedModel, windows: Sequence[Window], count: Callable[[int], None] = lambda tokens: None
) -> pd.DataFrame:
    """Sums over `windows` of what the script averages: one row per block, and shards add up.

    Columns: block, samples, features, variance, sparsity, gradient_samples, gradient_l1, gradient_l2 (of the window's
    mean next-token loss with respect to the block's weights; no samples where the model predicts no next token), and
    weight_frobenius, which is no sum. Windows run one at a time, so nothing is padded.
    """
    rows = [_BlockSums(block) for block in model.blocks]
    with _gradients_of(model.blocks, model.predicts_next_token):
        for window in windows:
            for sums, numbers in zip(rows, _run(model, window, rows), strict=True):
                sums.add_sample(*numbers, features=model.hidden_size)
            count(len(window.ids))
    return pd.DataFrame([sums.row(index) for index, sums in enumerate(rows)])


class _BlockSums:
    def __init__(self, block: nn.Module) -> None:
        self.weights = list(block.parameters())
        self.samples = self.features = self.gradient_samples = 0
        self.variance = self.sparsity = self.gradient_l1 = self.gradient_l2 = 0.0

    def add_sample(self, variance: float, silent: float, features: int) -> None:
        self.samples += 1
        self.features = features
        self.variance += variance
        self.sparsity += silent / features

    def add_gradient(self) -> None:
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        self.gradient_samples += 1
        self.gradient_l1 += sum(float(gradient.double().abs().sum()) for gradient in gradients)
        self.gradient_l2 += sum(float(gradient.double().square().sum()) for gradient in gradients) ** 0.5
        for weight in self.weights:
            weight.grad = None

    def row(self, index: int) -> dict[str, float]:
        frobenius = sum(float(weight.double().square().sum()) for weight in self.weights) ** 0.5
        return {
            "block": index,
            "samples": self.samples,
            "features": self.features,
            "variance": self.variance,
            "sparsity": self.sparsity,
            "gradient_samples": self.gradient_samples,
            "gradient_l1": self.gradient_l1,
            "gradient_l2": self.gradient_l2,
            "weight_frobenius": frobenius,
        }


def _run(model: LoadedModel, window: Window, rows: list[_BlockSums]) -> list[tuple[float, float]]:
    """Run one window, with its backward pass where there is a loss; each block's variance and silent features."""
    ids = torch.tensor([window.ids], device=model.device)
    real = torch.ones(*ids.shape, 1, dtype=torch.bool, device=model.device)
    found: list[Tensor] = []

    def look(_block: nn.Module, _arguments: object, output: Any) -> None:
        found.append(variance_and_silent(hidden_of(output).detach(), real, torch.float64))

    handles = [block.register_forward_hook(look) for block in model.blocks]
    try:
        if model.predicts_next_token and ids.shape[1] > 1:
            with torch.enable_grad():
                logits = model.network(input_ids=ids, use_cache=False).logits
                functional.cross_entropy(logits[0, :-1].float(), ids[0, 1:]).backward()
            for sums in rows:
                sums.add_gradient()
        else:
            with torch.no_grad():
                model.base(input_ids=ids)
    finally:
        for handle in handles:
            handle.remove()
    return [(float(variance), float(silent)) for variance, silent in torch.stack(found)[..., 0]]


@contextmanager
def _gradients_of(blocks: nn.ModuleList, wanted: bool) -> Iterator[None]:
    """Let the blocks' weights have gradients for a while; the resident model is left as it was, also after an error."""
    blocks.requires_grad_(wanted)
    try:
        yield
    finally:
        blocks.requires_grad_(False)
        for weight in blocks.parameters():
            weight.grad = None
