"""Perplexity: how surprised a model is by each next token, on average; 1 is never, lower is better.

exp(total negative log-likelihood / predicted tokens). The first token of a window is not predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from avss_core.corpora.batches import Batch
from avss_core.errors import ModelError, NumericalError
from avss_core.models.load import LoadedModel
from avss_core.tasks.bootstrap import Numbers
from avss_core.tasks.next_token import next_token_nll, predicted_tokens
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.trie import MEMORY_BUDGET, walk
from avss_core.variants.variant import Variant


def score(
    model: LoadedModel,
    batches: Iterable[Batch],
    variants: Iterable[Variant],
    memory_budget: int = MEMORY_BUDGET,
    between_variants: Callable[[], None] = lambda: None,
    prefixes: KeptPrefixes | None = None,
) -> pd.DataFrame:
    """Surprise of every variant at every document: kept (`"0,1,2"`), document, nll (nats, summed), tokens (predicted).

    Documents without a predicted token have no row. All variants of a batch are run as one prefix tree, and read back
    from the device together. between_variants: called after each variant of a batch; may raise Cancelled.
    prefixes: see `walk`. Raises ModelError for a model that does not predict next tokens, CutError for variants of
    another model, NumericalError when a loss is not finite.
    """
    if not model.predicts_next_token:
        raise ModelError(
            f"{type(model.network).__name__} does not predict the next token, so it has no perplexity; "
            "use a causal language model."
        )
    chosen = tuple(dict.fromkeys(variants))
    frames = [
        frame
        for batch in batches
        for frame in _score_batch(model, batch, chosen, memory_budget, between_variants, prefixes)
    ]
    empty = pd.DataFrame({"kept": pd.Series(dtype=str), **_columns(np.empty(0, np.int64), np.empty(0))})
    table = pd.concat(frames, ignore_index=True) if frames else empty
    return table.groupby(["kept", "document"], sort=False, as_index=False).sum()


def _score_batch(
    model: LoadedModel,
    batch: Batch,
    variants: Sequence[Variant],
    memory_budget: int,
    between_variants: Callable[[], None],
    prefixes: KeptPrefixes | None,
) -> Iterator[pd.DataFrame]:
    """A table for each variant, of the documents in one batch."""
    predicted = predicted_tokens(batch)
    if not predicted.count or not variants:
        return
    rows, targets = predicted.rows.to(model.device), predicted.targets.to(model.device)
    losses: dict[Variant, torch.Tensor] = {}
    for variant, hidden in walk(model, batch, variants, memory_budget, prefixes):
        losses[variant] = next_token_nll(model, hidden.flatten(0, 1)[rows], targets)
        between_variants()
    # The only time in a batch that the host waits for the device.
    nll = torch.stack([losses[variant] for variant in variants]).cpu().numpy().astype(np.float64)
    documents = predicted.documents.numpy()
    for variant, values in zip(variants, nll, strict=True):
        if not np.isfinite(values).all():
            raise NumericalError(
                f"Without the blocks {list(variant.removed)} the loss is not finite on document "
                f"{documents[~np.isfinite(values)][0]}; use --dtype float32, or check the model's weights."
            )
        yield pd.DataFrame({"kept": variant.key, **_columns(documents, values)})


def _columns(documents: NDArray[np.int64], nll: Numbers) -> dict[str, NDArray[np.int64] | Numbers]:
    """One value a token -> one row a document."""
    present, place, tokens = np.unique(documents, return_inverse=True, return_counts=True)
    return {"document": present, "nll": np.bincount(place, weights=nll, minlength=len(present)), "tokens": tokens}
