"""The loss of a batch, as its gradient with respect to the hidden state after the last block.

next-token models   Σ −ln p(next token) over the predicted tokens of each window
masked models       Σ −ln p(token) of every real token at its own place, nothing masked (our reading)
classifiers         Σ −ln p(label the model itself finds most likely), one a window (our reading)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from avss_core.corpora.batches import Batch
from avss_core.models.load import LoadedModel
from avss_core.tasks.next_token import predicted_tokens
from avss_core.variants.block_output import block_output
from avss_core.variants.plain_call import plain_arguments
from avss_core.variants.stand_ins import stand_ins

_LOGITS_AT_ONCE = {"cpu": 2**24}  # bytes of float32; see tasks/next_token.py on why a processor wants few
_LOGITS_ELSEWHERE = 2**28


def loss_gradient(model: LoadedModel, batch: Batch, hidden: Tensor) -> tuple[Tensor, NDArray[np.float64]]:
    """∂loss/∂hidden, like `hidden` (sequences, tokens, hidden), and how many predictions each window's loss has.

    Windows do not touch each other, so the gradient of a window's loss does not depend on the batch it is in.
    """
    if not model.has_lm_head:
        return _of_own_label(model, batch, hidden), np.ones(len(batch.windows))
    if model.predicts_next_token:
        predicted = predicted_tokens(batch)
        rows, targets = predicted.rows, predicted.targets
    else:
        rows = batch.attention_mask.cpu().flatten().nonzero()[:, 0]
        targets = batch.input_ids.cpu().flatten()[rows]
    gradient = torch.zeros_like(hidden)
    _add_of_rows(model, hidden.flatten(0, 1), rows.to(model.device), targets.to(model.device), gradient.flatten(0, 1))
    counts = torch.bincount(rows // hidden.shape[1], minlength=hidden.shape[0])
    return gradient, counts.numpy().astype(np.float64)


def _add_of_rows(model: LoadedModel, hidden: Tensor, rows: Tensor, targets: Tensor, gradient: Tensor) -> None:
    """Write the gradient of Σ −ln p(target) into the rows of `gradient`, a few rows at a time."""
    config = model.network.config.get_text_config()
    vocabulary, padding = int(config.vocab_size), getattr(config, "pad_token_id", None)
    size = max(1, _LOGITS_AT_ONCE.get(model.device.type, _LOGITS_ELSEWHERE) // (4 * vocabulary))
    for some, wanted in zip(rows.split(size), targets.split(size), strict=True):
        state = hidden[some].detach().requires_grad_()
        # Any token but the padding token, which some networks warn about.
        ids = torch.full((len(some), 1), 1 if padding == 0 else 0, dtype=torch.long, device=model.device)
        with torch.enable_grad():
            logits = _through_head(model, state.unsqueeze(1), ids, None)[:, 0]
            loss = functional.cross_entropy(logits.float(), wanted, reduction="sum")
        gradient[some] = torch.autograd.grad(loss, state)[0]


def _of_own_label(model: LoadedModel, batch: Batch, hidden: Tensor) -> Tensor:
    state = hidden.detach().requires_grad_()
    ids, mask = batch.input_ids.to(model.device), batch.attention_mask.to(model.device)
    with torch.enable_grad():
        logits = _through_head(model, state, ids, mask).float()
        loss = functional.cross_entropy(logits, logits.argmax(dim=-1), reduction="sum")
    return torch.autograd.grad(loss, state)[0]


def _through_head(model: LoadedModel, hidden: Tensor, ids: Tensor, mask: Tensor | None) -> Tensor:
    """The network's logits when its blocks answer with `hidden`: the final norm and the head, with gradients."""
    answer_of = block_output(model).wrap(hidden)

    def answer(index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return answer_of

    with stand_ins(model.blocks, answer):
        network: Any = model.network
        logits: Tensor = network(input_ids=ids, attention_mask=mask, return_dict=True, **plain_arguments(model)).logits
    return logits
