"""Negative log-likelihood of the tokens that follow, without ever holding all logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from avss_core.corpora.batches import Batch
from avss_core.models.load import LoadedModel
from avss_core.variants.tail import tail_logits


@dataclass(frozen=True)
class _Chunk:
    """Bytes worked on at once: logits as the head gives them, and their float32 copy for the loss."""

    logits: int
    loss: int


# A processor writes small pieces again and again into memory that it has; each large one is fresh memory, whose first
# touch costs several times the loss itself. An accelerator wants large products.
_CHUNKS = {"cpu": _Chunk(logits=2**24, loss=2**22)}
_CHUNK_ELSEWHERE = _Chunk(logits=2**28, loss=2**28)


@dataclass(frozen=True, eq=False)
class Predicted:
    """The predicted tokens of a batch, all (tokens,).

    rows: where each is predicted, as a row of the batch's states laid out as (sequences · tokens, hidden);
    targets: its id; documents: the document it belongs to.
    """

    rows: Tensor
    targets: Tensor
    documents: Tensor

    @property
    def count(self) -> int:
        """How many tokens are predicted."""
        return len(self.rows)


def predicted_tokens(batch: Batch) -> Predicted:
    """Every real token but the first of its window is predicted at the token before it; padding is not. On the CPU."""
    ids, mask = batch.input_ids.cpu(), batch.attention_mask.cpu().bool()
    sequence, position = (mask[:, :-1] & mask[:, 1:]).nonzero(as_tuple=True)
    documents = torch.tensor([window.document for window in batch.windows], dtype=torch.long)
    return Predicted(sequence * ids.shape[1] + position, ids[sequence, position + 1], documents[sequence])


def next_token_nll(model: LoadedModel, hidden_rows: Tensor, targets: Tensor) -> Tensor:
    """−ln p(target), in nats and float32, for each row of states before the final norm: (rows, hidden) -> (rows,)."""
    chunk = _CHUNKS.get(model.device.type, _CHUNK_ELSEWHERE)
    vocabulary = int(model.network.config.get_text_config().vocab_size)
    size = max(1, chunk.logits // (vocabulary * model.dtype.itemsize))
    parts = [
        _cross_entropy(tail_logits(model, rows), wanted, max(1, chunk.loss // (vocabulary * 4)))
        for rows, wanted in zip(hidden_rows.split(size), targets.split(size), strict=True)
    ]
    return torch.cat(parts)


def _cross_entropy(logits: Tensor, targets: Tensor, size: int) -> Tensor:
    return torch.cat(
        [
            functional.cross_entropy(rows.float(), wanted, reduction="none")
            for rows, wanted in zip(logits.split(size), targets.split(size), strict=True)
        ]
    )
