"""Compares the hidden states around the blocks while the network runs, and keeps next to none of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from avss_core.corpora.batches import Batch
from avss_core.importance.methods.angular import ANGLE
from avss_core.importance.methods.block_influence import INFLUENCE
from avss_core.importance.passes.block_hooks import BlockHooks
from avss_core.importance.passes.measured import ByDocument
from avss_core.importance.sums import rows_of
from avss_core.models.load import LoadedModel


class States(BlockHooks):
    """Block Influence at every token, and the angles between all states of each window's last token.

    Kept are one number for each block and window, and the states of the last tokens.
    """

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        self._mask = self._rows = self._last = torch.empty(0)
        self._documents: list[int] = []
        self._tokens: list[int] = []
        self._influence: list[Tensor] = []  # of the running batch: (sequences,) for each block
        self._states: list[Tensor] = []  # of the running batch: (sequences, hidden), M + 1 of them
        self._influences: list[Tensor] = []  # of each batch, (M, sequences)
        self._angles: list[Tensor] = []  # of each batch, (M + 1, M + 1, sequences)

    def begin(self, batch: Batch) -> None:
        """Find the last token of each window."""
        mask = batch.attention_mask
        self._mask = mask.bool()
        self._rows = torch.arange(mask.shape[0], device=mask.device)
        self._last = (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(dim=1)
        self._documents += [window.document for window in batch.windows]
        self._tokens += [len(window) for window in batch.windows]
        self._influence, self._states = [], []

    def see(self, index: int, before: Tensor, after: Tensor) -> None:
        """1 − cos(h[ℓ], h[ℓ+1]) summed over tokens; the last token's state is set aside."""
        turn = 1.0 - functional.cosine_similarity(before.float(), after.float(), dim=-1)
        self._influence.append(torch.where(self._mask, turn, 0.0).sum(dim=1, dtype=self._dtype))
        if index == 0:
            self._states.append(before[self._rows, self._last])
        self._states.append(after[self._rows, self._last])

    def end(self) -> None:
        """arccos(cos(h[ℓ], h[m])) / π for all ℓ and m."""
        self._influences.append(torch.stack(self._influence))
        states = functional.normalize(torch.stack(self._states).to(self._dtype), dim=-1)
        cosines = torch.einsum("lsh,msh->lms", states, states).clamp(-1.0, 1.0)
        self._angles.append(cosines.arccos() / math.pi)

    def tables(self) -> list[pd.DataFrame]:
        """The sums by document, copied from the device in one piece each."""
        by_document = ByDocument.of(self._documents)
        influence = torch.cat(self._influences, dim=-1).cpu().double().numpy()
        angles = torch.cat(self._angles, dim=-1).cpu().double().numpy()
        tokens = by_document.add_up(np.array(self._tokens))
        tables = [rows_of(INFLUENCE, by_document.documents, by_document.add_up(influence), tokens)]
        for n in range(1, self._model.n_blocks + 1):
            apart = by_document.add_up(np.stack([angles[first, first + n] for first in range(len(angles) - n)]))
            tables.append(rows_of(ANGLE, by_document.documents, apart, by_document.count(), length=n))
        return tables
