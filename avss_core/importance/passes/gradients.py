"""One forward and one backward pass, block by block, for all methods that look at gradients of the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.corpora.windows import Window
from avss_core.importance.methods.gbis import GRADIENT
from avss_core.importance.methods.taylor import TAYLOR
from avss_core.importance.passes.loss_gradient import loss_gradient
from avss_core.importance.passes.measured import ByDocument, Done, Measured, batches_of, sum_dtype
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import rows_of
from avss_core.models.load import LoadedModel
from avss_core.variants.calls import Calls, record_calls


def gradients_pass(model: LoadedModel, windows: Sequence[Window], settings: RankSettings, done: Done) -> Measured:
    """‖∂loss/∂h[ℓ]‖₂ summed over tokens, and |⟨∂loss/∂u[ℓ], u[ℓ]⟩| of each window, u[ℓ] = h[ℓ+1] − h[ℓ].

    The states between the blocks are kept, and each block is run once more when the gradient passes it, so that never
    more than one block's inner tensors are in memory. Parameters get no gradient. Windows without a
    token to predict have no loss and are left out.
    """
    windows = [window for window in windows if len(window) > 1]
    if not windows:
        done(1.0)
        return Measured([], block_tokens=0.0)
    tokens = sum(map(len, windows))
    norms, products, predictions, documents, lengths = [], [], [], [], []
    for batch in batches_of(model, windows):
        norm, product, counts = _of_batch(model, batch)
        norms.append(norm)
        products.append(product)
        predictions.append(counts)
        documents += [window.document for window in batch.windows]
        lengths += [len(window) for window in batch.windows]
        done(batch.tokens / tokens)
    by_document = ByDocument.of(documents)
    norm_sums = by_document.add_up(torch.cat(norms, dim=-1).cpu().double().numpy())
    product_sums = by_document.add_up(torch.cat(products, dim=-1).cpu().double().numpy())
    tables = [
        rows_of(GRADIENT, by_document.documents, norm_sums, by_document.add_up(np.array(lengths))),
        rows_of(TAYLOR, by_document.documents, product_sums, by_document.add_up(np.concatenate(predictions))),
    ]
    # Forward, forward again under the gradient, and the gradient of the input alone, which costs like a forward.
    return Measured(tables, block_tokens=float(3 * model.n_blocks * tokens))


def _of_batch(model: LoadedModel, batch: Batch) -> tuple[Tensor, Tensor, np.ndarray]:
    """Σ over tokens of ‖∂loss/∂h[ℓ]‖₂ and |⟨∂loss/∂u[ℓ], u[ℓ]⟩|, both (M, sequences); predictions (sequences,)."""
    calls, kind = record_calls(model, batch), sum_dtype(model.device)
    states = [calls.embeddings]
    for index in range(model.n_blocks):
        states.append(calls.run(index, states[-1]))
    gradient, counts = loss_gradient(model, batch, states[-1])
    real = batch.attention_mask.to(model.device, kind)
    norms, products = [], []
    for index in reversed(range(model.n_blocks)):
        update = states[index + 1].float() - states[index].float()
        states.pop()
        products.append((gradient.float() * update).sum(dim=-1, dtype=kind).sum(dim=1).abs())
        gradient = _through_block(calls, index, states[-1], gradient)
        norms.append((gradient.float().norm(dim=-1).to(kind) * real).sum(dim=1))
    return torch.stack(norms[::-1]), torch.stack(products[::-1]), counts


def _through_block(calls: Calls, index: int, before: Tensor, gradient: Tensor) -> Tensor:
    """∂loss/∂h[ℓ] from ∂loss/∂h[ℓ+1]."""
    state = before.detach().requires_grad_()
    with torch.enable_grad():
        after = calls.output.unwrap(calls.blocks[index].run(state))
    return torch.autograd.grad(after, state, gradient)[0]
