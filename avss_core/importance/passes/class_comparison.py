"""A classifier's answers as the predictions that are compared: one a window."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from avss_core.corpora.batches import Batch
from avss_core.importance.passes.comparison import Comparison, divergence_of
from avss_core.importance.passes.measured import sum_dtype
from avss_core.models.load import LoadedModel
from avss_core.tasks.classes import class_logits


class ClassComparison(Comparison):
    """−ln p of the class that the whole model finds most likely, the same loss as in `loss_gradient` (our reading)."""

    def __init__(self, model: LoadedModel, batch: Batch, wants_cim: bool) -> None:
        super().__init__([window.document for window in batch.windows], model.n_blocks, wants_cim)
        self._model, self._batch = model, batch
        self._whole = torch.empty(0)  # ln p of the whole model, (windows, classes)

    def whole(self, hidden: Tensor) -> None:
        self._whole = self._log_p(hidden)
        self._nll[-1] = -self._whole.amax(dim=-1)

    def without(self, block: int, hidden: Tensor) -> None:
        log_q = self._log_p(hidden)
        self._nll[block] = functional.nll_loss(log_q, self._whole.argmax(dim=-1), reduction="none")
        self._divergence[block] = divergence_of(self._whole, log_q)

    def _log_p(self, hidden: Tensor) -> Tensor:
        # Few numbers, so that they may be exact: near-equal distributions of two classes differ by less than float32.
        logits = class_logits(self._model, self._batch, hidden)
        return logits.to(sum_dtype(self._model.device)).log_softmax(dim=-1)
