"""The predictions of one batch by the whole model and without each block, and the sums of how they differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from avss_core.errors import NumericalError
from avss_core.importance.methods.ablation import ADDED_LOSS, LOSS
from avss_core.importance.methods.cim import DIVERGENCE, SQUARE
from avss_core.importance.passes.measured import ByDocument
from avss_core.importance.sums import rows_of


class Comparison(ABC):
    """One batch. A subclass says what is predicted, and fills in `_nll` and, where it is wanted, `_divergence`.

    documents: of each prediction, on the host. Numbers stay on the device until `tables` asks for all of them.
    """

    def __init__(self, documents: Sequence[int] | NDArray[np.int64], n_blocks: int, wants_cim: bool) -> None:
        self._documents = np.asarray(documents, dtype=np.int64)
        self._wants_cim = wants_cim
        # −ln p of what is to be predicted without each block, and of the whole model at the end; (predictions,) each.
        self._nll = [torch.empty(0)] * (n_blocks + 1)
        self._divergence = [torch.empty(0)] * n_blocks  # KL(whole ‖ without), (predictions,) each

    @property
    def predictions(self) -> int:
        """How many there are in the batch."""
        return len(self._documents)

    @abstractmethod
    def whole(self, hidden: Tensor) -> None:
        """Take the whole model's states after the last block, (sequences, tokens, hidden); must come first."""

    @abstractmethod
    def without(self, block: int, hidden: Tensor) -> None:
        """Take the states of the model without a block."""

    def tables(self) -> list[pd.DataFrame]:
        """Sums by document; the only time in a batch that the host waits for the device.

        Raises NumericalError when a loss is not finite.
        """
        nll = torch.stack(self._nll).cpu().double().numpy()
        _check(nll)
        by_document = ByDocument.of(self._documents)
        counts, documents = by_document.count(), by_document.documents
        loss = np.broadcast_to(nll[-1], (len(nll) - 1, nll.shape[1]))
        tables = [
            rows_of(ADDED_LOSS, documents, by_document.add_up(nll[:-1] - nll[-1]), counts),
            rows_of(LOSS, documents, by_document.add_up(loss), counts),
        ]
        if self._wants_cim:
            divergence = torch.stack(self._divergence).cpu().double().numpy()
            tables.append(rows_of(DIVERGENCE, documents, by_document.add_up(divergence), counts))
            tables.append(rows_of(SQUARE, documents, by_document.add_up(divergence**2), counts))
        return tables


def divergence_of(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p ‖ q) = Σ p (ln p − ln q) of each row, in nats: (rows, outcomes) twice -> (rows,)."""
    return functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(dim=-1)


def _check(nll: NDArray[np.float64]) -> None:
    bad = ~np.isfinite(nll).all(axis=1)
    if bad.any():
        block = int(np.argmax(bad))
        which = f"Without block {block} the" if block < len(nll) - 1 else "The whole model's"
        raise NumericalError(f"{which} loss is not finite; use --dtype float32, or check the model's weights.")
