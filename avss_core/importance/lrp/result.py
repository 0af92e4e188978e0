"""What LRP says of a model's blocks, and how far its sums can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from avss_core.errors import CorpusError, SettingError
from avss_core.importance.lrp.settings import LrpSettings
from avss_core.tasks.bootstrap import Numbers, ratio_interval


@dataclass(frozen=True, eq=False)
class LrpResult:
    """Relevance of the blocks' updates u = h[ℓ+1] − h[ℓ], by document, and its way from the output to the input.

    documents    document, tokens, output (f), input (ΣR at h[0]): one row a document
    blocks       document, block, absolute (Σ|R(u)|): one row a document and block
    boundaries   boundary, relevance: ΣR of all documents at h[0] … h[M], then at M + 1 the output itself
    absorbed     stage, cause, relevance: lost in each block 0 … M−1 and in the head (stage M), by cause (CAUSES)
    """

    settings: LrpSettings
    documents: pd.DataFrame
    blocks: pd.DataFrame
    boundaries: pd.DataFrame
    absorbed: pd.DataFrame

    @property
    def scores(self) -> Numbers:
        """Importance of each block, (blocks,): Σ|R(u)| over tokens and features, per token. Low is removed first."""
        return self._absolute().sum(axis=0) / self.documents["tokens"].sum()

    def intervals(self, seed: int = 0) -> tuple[Numbers, Numbers]:
        """Ends of the 95 % bootstrap interval over documents of each block's score; nan for a single document."""
        tokens = self.documents["tokens"].to_numpy(np.float64)
        ends = [ratio_interval(column, tokens, seed=seed) for column in self._absolute().T]
        return np.array([low for low, _ in ends]), np.array([high for _, high in ends])

    @property
    def conservation_error(self) -> float:
        """|ΣR(input) − f| / |f| of formula (52), both summed over documents; 0 when all is conserved."""
        lost = self.documents["output"] - self.documents["input"]
        return float(lost.abs().sum() / self.documents["output"].abs().sum())

    def lost_by_cause(self) -> dict[str, float]:
        """f − ΣR(input), all documents together, by cause."""
        return {str(cause): float(total) for cause, total in self.absorbed.groupby("cause")["relevance"].sum().items()}

    def _absolute(self) -> Numbers:
        """Σ|R(u)|, (documents, blocks), in the order of `documents`."""
        table = self.blocks.pivot(index="document", columns="block", values="absolute")
        return table.loc[self.documents["document"]].to_numpy(np.float64)


def merge_results(results: Sequence[LrpResult]) -> LrpResult:
    """The result of all batches together: every column is a sum. A document may be spread over several of them.

    Raises CorpusError when there is nothing to merge, SettingError when the settings differ.
    """
    if not results:
        raise CorpusError("The text has nothing to explain: each of its windows is one token; give a longer text.")
    if len({result.settings for result in results}) > 1:
        raise SettingError("The relevance was propagated by different rules; merge what was computed with the same.")

    def total(table: str, *keys: str) -> pd.DataFrame:
        rows = pd.concat([getattr(result, table) for result in results])
        return rows.groupby(list(keys), as_index=False).sum()

    return LrpResult(
        results[0].settings,
        total("documents", "document"),
        total("blocks", "document", "block"),
        total("boundaries", "boundary"),
        total("absorbed", "stage", "cause"),
    )
