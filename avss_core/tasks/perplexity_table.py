"""From the surprise of every document to a perplexity with its interval. No torch: pages and shell compute it too."""

from __future__ import annotations

import numpy as np
import pandas as pd

from avss_core.errors import CorpusError, SettingError
from avss_core.tasks.bootstrap import Numbers, ratio_interval
from avss_core.tasks.evaluation import Evaluation

TASK, METRIC = "perplexity", "perplexity"


def summarise(frame: pd.DataFrame) -> Evaluation:
    """One variant's rows of `perplexity.score`, of any number of batches -> its perplexity, interval over documents.

    Raises SettingError when there are rows of several variants, CorpusError when no token was predicted.
    """
    rows = _one_variant(frame)
    if not rows["tokens"].sum():
        raise CorpusError("The text has no token to predict: each of its windows is one token; give a longer text.")
    nll, tokens = rows["nll"].to_numpy(np.float64), rows["tokens"].to_numpy(np.float64)
    low, high = ratio_interval(nll, tokens, _exp)
    value = float(_exp(nll.sum() / tokens.sum()))
    return Evaluation(TASK, METRIC, value, low, high, n=len(rows), higher_is_better=False)


def retained_interval(before: pd.DataFrame, after: pd.DataFrame) -> tuple[float, float]:
    """95 % interval of P(before) / P(after), the rows of two variants on the same documents, resampled together.

    Raises SettingError when the documents differ.
    """
    first, second = _one_variant(before), _one_variant(after)
    if not first[["document", "tokens"]].equals(second[["document", "tokens"]]):
        raise SettingError("The two evaluations are of different documents; evaluate both on the same text.")
    gained = first["nll"].to_numpy(np.float64) - second["nll"].to_numpy(np.float64)
    return ratio_interval(gained, first["tokens"].to_numpy(np.float64), _exp)


def _one_variant(frame: pd.DataFrame) -> pd.DataFrame:
    if "kept" in frame and frame["kept"].nunique() > 1:
        raise SettingError("The table holds several variants; choose the rows of one.")
    return frame.groupby("document", as_index=False)[["nll", "tokens"]].sum()


def _exp(mean: Numbers) -> Numbers:
    with np.errstate(over="ignore"):
        grown: Numbers = np.exp(mean)
    return grown
