"""Solutions of the fit, judged on held-out text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.models.load import LoadedModel
from avss_core.pruning.healing.gap import Gap
from avss_core.pruning.healing.linear_map import Trial
from avss_core.pruning.healing.ridge import Solution
from avss_core.pruning.healing.stretches import Stretch
from avss_core.pruning.healing.walk import run_blocks
from avss_core.tasks.next_token import next_token_nll, predicted_tokens
from avss_core.variants.calls import Calls


class Judge:
    """Adds up, over batches, what each solution does to one stretch; the first contender is to leave the gap."""

    def __init__(self, pruned: LoadedModel, stretch: Stretch, solutions: Sequence[Solution]) -> None:
        self._pruned, self._stretch = pruned, stretch
        self._shrinkages = [math.inf, *(solution.shrinkage for solution in solutions)]
        self._maps = [(None, None), *(_tensors(solution, pruned.device) for solution in solutions)]
        self._errors, self._nll = [[0.0] * len(self._maps) for _ in range(2)]
        self._tokens = 0

    def add(self, batch: Batch, calls: Calls, gap: Gap) -> None:
        """Try every solution on one batch: its error at the gap, and the loss after the blocks that follow."""
        predicted = predicted_tokens(batch) if self._pruned.predicts_next_token else None
        for number, (weight, offset) in enumerate(self._maps):
            state = gap.hidden if weight is None else _mapped(gap, weight, offset)
            self._errors[number] += gap.error(state)
            if predicted is not None and predicted.count:
                state = run_blocks(calls, range(self._stretch.place, self._pruned.n_blocks), state)
                rows, targets = predicted.rows.to(state.device), predicted.targets.to(state.device)
                nll = next_token_nll(self._pruned, state.flatten(0, 1)[rows], targets)
                self._nll[number] += float(nll.double().sum())
        self._tokens += 0 if predicted is None else predicted.count

    def best(self) -> int | None:
        """The solution with the lowest loss (the lowest error, where the network predicts no next token).

        None when no solution is better than leaving the gap; one whose loss is not finite never is.
        """
        judged = self._nll if self._tokens else self._errors
        finite = [value if math.isfinite(value) else math.inf for value in judged]
        best = min(range(len(finite)), key=finite.__getitem__)  # of equal ones the first: leaving the gap
        return None if best == 0 else best - 1

    def trials(self) -> list[Trial]:
        """One for each solution, that of leaving the gap first."""
        best = self.best()
        return [
            Trial(
                self._stretch,
                shrinkage,
                error / self._errors[0] if self._errors[0] else math.nan,
                _perplexity(nll, self._tokens),
                chosen=number == (0 if best is None else best + 1),
            )
            for number, (shrinkage, error, nll) in enumerate(
                zip(self._shrinkages, self._errors, self._nll, strict=True)
            )
        ]


def _tensors(solution: Solution, device: torch.device) -> tuple[Tensor, Tensor | None]:
    offset = solution.offset
    return (
        torch.from_numpy(solution.weight).float().to(device),
        None if offset is None else torch.from_numpy(offset).float().to(device),
    )


def _mapped(gap: Gap, weight: Tensor, offset: Tensor | None) -> Tensor:
    return (gap.hidden + torch.nn.functional.linear(gap.reads.float(), weight, offset)).to(gap.hidden.dtype)


def _perplexity(nll: float, tokens: int) -> float | None:
    if not tokens:
        return None
    mean = nll / tokens
    return math.exp(mean) if mean < 700 else math.inf  # nan stays nan
