"""Scores variants by their surprise at a text, for a search. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from avss_core.corpora.batches import Batch
from avss_core.errors import CorpusError
from avss_core.models.load import LoadedModel
from avss_core.pruning.search.scoring import Frames, LossOf
from avss_core.tasks import perplexity
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.trie import MEMORY_BUDGET
from avss_core.variants.variant import Variant


def perplexity_scorer(
    model: LoadedModel,
    batches: Sequence[Batch],
    between_batches: Callable[[int], None] = lambda tokens: None,
    memory_budget: int = MEMORY_BUDGET,
    prefixes: KeptPrefixes | None = None,
) -> LossOf:
    """A callable from variants to frames of `document, nll, tokens`, which runs them as one prefix tree a batch.

    between_batches: called after every batch with the number of real tokens in it; may raise Cancelled, which leaves
    nothing half done, since a search has its steps. prefixes: keeps states from call to call. Raises CorpusError
    without a batch; what the callable raises: see `perplexity.score`.
    """
    if not batches:
        raise CorpusError("There is no text to measure a loss on; give at least one window of tokens.")

    def loss_of(variants: Sequence[Variant]) -> Frames:
        tables = []
        for batch in batches:
            tables.append(perplexity.score(model, [batch], variants, memory_budget, prefixes=prefixes))
            between_batches(batch.tokens)
        table = pd.concat(tables, ignore_index=True)
        sums = table.groupby(["kept", "document"], as_index=False)[["nll", "tokens"]].sum()
        frames = {str(kept): rows.drop(columns="kept").reset_index(drop=True) for kept, rows in sums.groupby("kept")}
        # A text without a token to predict gives no rows; reading them says so.
        nothing = sums.drop(columns="kept").iloc[:0]
        return {variant: frames.get(variant.key, nothing) for variant in variants}

    return loss_of
