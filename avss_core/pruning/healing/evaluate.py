"""A healed network, evaluated like any other variant."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from transformers import PreTrainedModel

from avss_core.corpora.batches import Batch
from avss_core.models.load import LoadedModel, wrap
from avss_core.tasks.perplexity import score
from avss_core.variants.variant import Variant


def score_network(model: LoadedModel, network: PreTrainedModel, batches: Iterable[Batch]) -> pd.DataFrame:
    """Surprise of `network` at every document: document, nll (nats, summed), tokens (predicted).

    network: one that was made from `model`, with whatever blocks and weights it has now; it is put into evaluation
    mode. By the same code as the what-if perplexity, so `summarise`, `retained_interval` and `apart_of` take the
    table. Raises what `perplexity.score` raises.
    """
    made = wrap(network, model.tokenizer)
    return score(made, batches, [Variant.full(made.n_blocks)]).drop(columns="kept")
