"""What the AVSS authors' script measures: each block's output, averaged over the tokens of a window."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.importance.authors_table import EPSILON
from avss_core.importance.methods.avss_script import SILENT, VARIANCE
from avss_core.importance.passes.block_hooks import BlockHooks
from avss_core.importance.passes.measured import ByDocument
from avss_core.importance.sums import rows_of
from avss_core.models.load import LoadedModel


def variance_and_silent(states: Tensor, mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What the script takes of a block's output (sequences, tokens, features): two numbers for each sequence.

    The mean over the tokens where mask (sequences, tokens, 1) is true, added up in `dtype`; of its features the
    unbiased variance, and how many are below `EPSILON` in absolute value. Returns (2, sequences), in `dtype`.
    """
    mean = torch.where(mask, states, 0.0).sum(dim=1, dtype=dtype) / mask.sum(dim=1)
    silent = (mean.abs() < EPSILON).sum(dim=-1)
    return torch.stack([mean.var(dim=-1, unbiased=True), silent.to(dtype)])


class SequenceMeans(BlockHooks):
    """Variance over features (unbiased) and number of silent features of every window's mean; kept are two numbers."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        self._mask = torch.empty(0)
        self._documents: list[int] = []
        self._of_blocks: list[Tensor] = []  # of the running batch: (2, sequences) for each block
        self._batches: list[Tensor] = []  # of each batch, (M, 2, sequences)

    def begin(self, batch: Batch) -> None:
        """Take the mask: padding does not count."""
        self._mask = batch.attention_mask.bool()[..., None]
        self._documents += [window.document for window in batch.windows]
        self._of_blocks = []

    def see(self, index: int, before: Tensor, after: Tensor) -> None:
        """Average over the tokens, then look at the features."""
        self._of_blocks.append(variance_and_silent(after, self._mask, self._dtype))

    def end(self) -> None:
        """Put the blocks together."""
        self._batches.append(torch.stack(self._of_blocks))

    def tables(self) -> list[pd.DataFrame]:
        """Sums of both by document."""
        by_document = ByDocument.of(self._documents)
        sums = by_document.add_up(torch.cat(self._batches, dim=-1).cpu().double().numpy())  # (documents, M, 2)
        windows = by_document.count()
        return [
            rows_of(VARIANCE, by_document.documents, sums[..., 0], windows),
            rows_of(
                SILENT, by_document.documents, np.ascontiguousarray(sums[..., 1]), windows * self._model.hidden_size
            ),
        ]
