"""LRP's passes for the comparison of methods: relevance over a shard, each variant by rules of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.corpora.windows import Window
from avss_core.importance.lrp.methods import (
    ERROR,
    INTO,
    LOST,
    LOST_IN_HEAD,
    OUT_OF,
    OUTPUT,
    UPDATE,
    VARIANTS,
    statistic,
)
from avss_core.importance.lrp.result import LrpResult, merge_results
from avss_core.importance.lrp.scores import batch_relevance
from avss_core.importance.passes.measured import Done, Measured, batches_of
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import rows_of
from avss_core.models.load import LoadedModel

# Forward, forward again under the gradient, and the gradient of the input alone, which costs like a forward; the last
# two by the αβ-rule are four products for each one of the ε-rule.
_BLOCK_RUNS = {"epsilon": 1 + 1 + 1, "alpha-beta": 1 + 4 + 4}


def relevance_pass(
    model: LoadedModel, windows: Sequence[Window], settings: RankSettings, done: Done, variant: str
) -> Measured:
    """Σ|R(u)| of every block and document, and the account of what is conserved, by one of `VARIANTS`."""
    rules, tokens = VARIANTS[variant], sum(map(len, windows))
    results = []
    for batch in batches_of(model, windows):
        result = batch_relevance(model, batch.to(model.device), rules)
        results += [] if result is None else [result]
        done(batch.tokens / tokens)
    tables = tables_of(variant, merge_results(results), model.n_blocks) if results else []
    return Measured(tables, block_tokens=float(_BLOCK_RUNS[rules.rule] * model.n_blocks * tokens))


def tables_of(variant: str, result: LrpResult, n_blocks: int) -> list[pd.DataFrame]:
    """A result as sums that add up with those of other texts. What is of all documents stands at the first one."""
    documents = result.documents["document"].to_numpy()
    absolute = result.blocks["absolute"].to_numpy().reshape(len(documents), n_blocks)  # sorted by document and block
    output, gap = result.documents["output"], result.documents["output"] - result.documents["input"]
    boundaries, size = result.boundaries["relevance"].to_numpy(), output.abs().to_numpy()
    tables = [
        rows_of(statistic(variant, UPDATE), documents, absolute, result.documents["tokens"].to_numpy(np.float64)),
        rows_of(statistic(variant, OUTPUT), documents, output.to_numpy()[:, None], size),
        rows_of(statistic(variant, ERROR), documents, gap.abs().to_numpy()[:, None], size),
        _of_all(variant, (INTO,), documents, boundaries[:n_blocks]),
        _of_all(variant, (OUT_OF,), documents, boundaries[1 : n_blocks + 1]),
    ]
    for (stage, cause), rows in result.absorbed.groupby(["stage", "cause"]):
        lost, block = float(rows["relevance"].sum()), int(stage)
        if block == n_blocks:
            tables.append(_of_all(variant, (LOST_IN_HEAD, str(cause)), documents, np.array([lost])))
        else:
            tables.append(_of_all(variant, (LOST, str(cause)), documents, lost * np.eye(n_blocks)[block]))
    return tables


def _of_all(
    variant: str, parts: tuple[str, ...], documents: NDArray[np.int64], values: NDArray[np.float64]
) -> pd.DataFrame:
    return rows_of(statistic(variant, *parts), documents[:1], values[None], np.ones(1))
