"""ln p over the vocabulary, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from avss_core.models.load import LoadedModel
from avss_core.variants.tail import tail_logits

# Bytes of logits (in the network's type) and of their float32 logarithms; see tasks/next_token.py on the sizes.
_AT_ONCE = {"cpu": (2**24, 2**22)}
_ELSEWHERE = (2**28, 2**28)


def vocabulary_of(model: LoadedModel) -> int:
    """Number of tokens that there are."""
    return int(model.network.config.get_text_config().vocab_size)


def log_probabilities(model: LoadedModel, hidden_rows: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Pieces of ln p, (rows of the piece, vocabulary) in float32, with the rows that they belong to, in order.

    hidden_rows: states before the final norm, (rows, hidden).
    """
    head_bytes, float_bytes = _AT_ONCE.get(model.device.type, _ELSEWHERE)
    vocabulary, start = vocabulary_of(model), 0
    for states in hidden_rows.split(max(1, head_bytes // (vocabulary * model.dtype.itemsize))):
        for logits in tail_logits(model, states).split(max(1, float_bytes // (4 * vocabulary))):
            yield slice(start, start + len(logits)), logits.float().log_softmax(dim=-1)
            start += len(logits)
