"""Next tokens as the predictions that are compared: one at every real token but the last of its window."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from avss_core.corpora.batches import Batch
from avss_core.importance.passes.comparison import Comparison, divergence_of
from avss_core.importance.passes.log_probabilities import log_probabilities, vocabulary_of
from avss_core.models.load import LoadedModel
from avss_core.tasks.next_token import next_token_nll, predicted_tokens


class TokenComparison(Comparison):
    """−ln p of each token that follows; ln p over the vocabulary is kept for the whole model only, and only for CIM."""

    def __init__(self, model: LoadedModel, batch: Batch, wants_cim: bool) -> None:
        predicted = predicted_tokens(batch)
        super().__init__(predicted.documents.numpy(), model.n_blocks, wants_cim)
        self._model = model
        self._rows, self._targets = predicted.rows.to(model.device), predicted.targets.to(model.device)
        self._whole = torch.empty(0)  # ln p of the whole model, (tokens, vocabulary)

    def whole(self, hidden: Tensor) -> None:
        states = self._states(hidden)
        if not self._wants_cim:
            self._nll[-1] = next_token_nll(self._model, states, self._targets)
            return
        shape = (len(states), vocabulary_of(self._model))
        self._whole = torch.empty(shape, dtype=torch.float32, device=states.device)
        for rows, log_p in log_probabilities(self._model, states):
            self._whole[rows] = log_p
        self._nll[-1] = functional.nll_loss(self._whole, self._targets, reduction="none")

    def without(self, block: int, hidden: Tensor) -> None:
        states = self._states(hidden)
        if not self._wants_cim:
            self._nll[block] = next_token_nll(self._model, states, self._targets)
            return
        nll, divergence = torch.empty((2, len(states)), dtype=torch.float32, device=states.device)
        for rows, log_q in log_probabilities(self._model, states):
            nll[rows] = functional.nll_loss(log_q, self._targets[rows], reduction="none")
            divergence[rows] = divergence_of(self._whole[rows], log_q)
        self._nll[block], self._divergence[block] = nll, divergence

    def _states(self, hidden: Tensor) -> Tensor:
        return hidden.flatten(0, 1)[self._rows]
