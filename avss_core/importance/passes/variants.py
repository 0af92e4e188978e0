"""The model without each single block, all of them as one prefix tree: ablation and CIM from the same logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from avss_core.corpora.windows import Window
from avss_core.errors import NumericalError
from avss_core.importance.methods import cim
from avss_core.importance.methods.ablation import ADDED_LOSS, LOSS
from avss_core.importance.methods.cim import DIVERGENCE, SQUARE
from avss_core.importance.passes.log_probabilities import log_probabilities, vocabulary_of
from avss_core.importance.passes.measured import TOKENS_PER_BATCH, ByDocument, Done, Measured, batches_of
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import rows_of
from avss_core.models.load import LoadedModel
from avss_core.tasks.next_token import Predicted, next_token_nll, predicted_tokens
from avss_core.variants.plan import count_block_runs
from avss_core.variants.trie import walk
from avss_core.variants.variant import Variant

_WHOLE_BYTES = 2**28  # ln p of the whole model on a batch, in float32


def variants_pass(model: LoadedModel, windows: Sequence[Window], settings: RankSettings, done: Done) -> Measured:
    """Without each block: the loss added at every predicted token, and if asked KL(whole ‖ without) there.

    Raises NumericalError when a loss is not finite.
    """
    wants_cim = cim.METHOD.name in settings.methods
    full = Variant.full(model.n_blocks)
    without = [Variant.without(model.n_blocks, [block]) for block in range(model.n_blocks)]
    runs = count_block_runs([full]) + count_block_runs(without)
    room = _WHOLE_BYTES // (4 * vocabulary_of(model)) if wants_cim else TOKENS_PER_BATCH
    tokens = sum(map(len, windows))
    tables: list[pd.DataFrame] = []
    for batch in batches_of(model, windows, max(1, min(TOKENS_PER_BATCH, room))):
        predicted = predicted_tokens(batch)
        share = batch.tokens / tokens / (len(without) + 1)
        if not predicted.count:
            done(share * (len(without) + 1))
            continue
        compare = _Comparison(model, predicted, wants_cim)
        [(_, hidden)] = walk(model, batch, [full])
        compare.whole(hidden.flatten(0, 1)[compare.rows])
        done(share)
        for variant, hidden in walk(model, batch, without):
            compare.without(variant.removed[0], hidden.flatten(0, 1)[compare.rows])
            done(share)
        tables += compare.tables()
    return Measured(tables, block_tokens=float(runs * tokens))


class _Comparison:
    """One batch's predicted tokens under the whole model and without each block."""

    def __init__(self, model: LoadedModel, predicted: Predicted, wants_cim: bool) -> None:
        self.rows = predicted.rows.to(model.device)
        self._model, self._predicted = model, predicted
        self._targets = predicted.targets.to(model.device)
        self._wants_cim = wants_cim
        self._whole = torch.empty(0)  # ln p of the whole model, (tokens, vocabulary)
        self._nll = [torch.empty(0)] * (model.n_blocks + 1)  # of the whole model at the end, (tokens,) each
        self._divergence = [torch.empty(0)] * model.n_blocks

    def whole(self, states: Tensor) -> None:
        """Take the whole model's states, (tokens, hidden); must come first."""
        if self._wants_cim:
            shape = (len(states), vocabulary_of(self._model))
            self._whole = torch.empty(shape, dtype=torch.float32, device=states.device)
            for rows, log_p in log_probabilities(self._model, states):
                self._whole[rows] = log_p
            self._nll[-1] = functional.nll_loss(self._whole, self._targets, reduction="none")
        else:
            self._nll[-1] = next_token_nll(self._model, states, self._targets)

    def without(self, block: int, states: Tensor) -> None:
        """Take the states of the model without a block."""
        if not self._wants_cim:
            self._nll[block] = next_token_nll(self._model, states, self._targets)
            return
        nll, divergence = torch.empty((2, len(states)), dtype=torch.float32, device=states.device)
        for rows, log_q in log_probabilities(self._model, states):
            nll[rows] = functional.nll_loss(log_q, self._targets[rows], reduction="none")
            divergence[rows] = functional.kl_div(log_q, self._whole[rows], reduction="none", log_target=True).sum(
                dim=-1
            )
        self._nll[block], self._divergence[block] = nll, divergence

    def tables(self) -> list[pd.DataFrame]:
        """Sums by document; the only time in a batch that the host waits for the device."""
        nll = torch.stack(self._nll).cpu().double().numpy()
        self._check(nll)
        by_document = ByDocument.of(self._predicted.documents.numpy())
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

    def _check(self, nll: NDArray[np.float64]) -> None:
        bad = ~np.isfinite(nll).all(axis=1)
        if bad.any():
            block = int(np.argmax(bad))
            which = f"Without block {block} the" if block < len(nll) - 1 else "The whole model's"
            raise NumericalError(f"{which} loss is not finite; use --dtype float32, or check the model's weights.")
