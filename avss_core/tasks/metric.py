"""From per-example values to a metric, its interval, and what a pruned model retains of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta

from avss_core.errors import CorpusError, SettingError
from avss_core.tasks.bootstrap import LEVEL, Numbers, ratio_interval
from avss_core.tasks.evaluation import Evaluation


@dataclass(frozen=True)
class Metric:
    """A number made of the columns of a table with one row an example: Σ total / Σ count, or its exponential.

    total, count: names of columns; count None: each example counts once. exponential: exp of the quotient, as in a
    perplexity; else the values of `total` lie between 0 and 1, as in an accuracy. nothing: the error when Σ count
    is 0.
    """

    name: str
    pretty_name: str
    higher_is_better: bool
    total: str
    count: str | None = None
    exponential: bool = False
    nothing: str = "There is no example to evaluate."

    def card(self) -> dict[str, object]:
        """What it says of itself, as JSON types."""
        return {"metric": self.name, "pretty_name": self.pretty_name, "higher_is_better": self.higher_is_better}


def evaluate(task: str, metric: Metric, frame: pd.DataFrame) -> Evaluation:
    """One variant's rows -> the metric, with a bootstrap interval over documents.

    Examples on one passage are drawn together, since they stand or fall together. n is the number of examples (of
    documents, where the rows are parts of documents). All right or all wrong: the bootstrap, which could only repeat
    that, gives way to the exact interval of Clopper and Pearson. Raises SettingError for rows of several variants,
    CorpusError when there is nothing to count.
    """
    sums = _by_document(metric, frame)
    totals, counts = sums["total"].to_numpy(np.float64), sums["count"].to_numpy(np.float64)
    if not counts.sum():
        raise CorpusError(metric.nothing)
    transform = _exp if metric.exponential else None
    low, high = ratio_interval(totals, counts, transform)
    share = totals.sum() / counts.sum()
    if not metric.exponential and share in (0.0, 1.0):
        low, high = _exact_interval(bool(share), len(sums))
    n = len(frame) if metric.count is None else len(sums)
    value = float(_exp(share)) if metric.exponential else float(share)
    return Evaluation(task, metric.name, value, low, high, n=n, higher_is_better=metric.higher_is_better)


def retained_share(metric: Metric, before: pd.DataFrame, after: pd.DataFrame) -> tuple[float, float]:
    """95 % interval of the retained performance, over paired resamples of the documents.

    P(after) / P(before) where higher is better, P(before) / P(after) where lower is; (nan, nan) when the divisor is 0.
    Of values between 0 and 1 all resamples can give the same ratio r, such as 1 where no answer changed; see
    `_with_unseen`. Raises SettingError when the documents differ, or there are rows of several variants.
    """
    first, second = _by_document(metric, before), _by_document(metric, after)
    if not first[["document", "count"]].equals(second[["document", "count"]]):
        raise SettingError("The two evaluations are of different documents; evaluate both on the same text.")
    old, new = first["total"].to_numpy(np.float64), second["total"].to_numpy(np.float64)
    above, below = (new, old) if metric.higher_is_better else (old, new)
    counts = first["count"].to_numpy(np.float64)
    if metric.exponential:
        return ratio_interval(above - below, counts, _exp)
    if not below.sum():
        return math.nan, math.nan
    low, high = ratio_interval(above, below)
    return _with_unseen(above, below, counts) if math.isclose(low, high) else (low, high)


def _with_unseen(above: Numbers, below: Numbers, counts: Numbers) -> tuple[float, float]:
    """r ± c / P for r = Σ above / Σ below and P = Σ below / Σ counts, all (documents,); the low end is not below 0.

    What none of n documents shows happens to a share of at most c = 1 − 0.025^(1/n) of all there are, the exact end of
    Clopper and Pearson for 0 of n, and it changes an example's value by at most 1.
    """
    _, rate = _exact_interval(False, len(counts))
    ratio, reach = above.sum() / below.sum(), rate * counts.sum() / below.sum()
    return max(0.0, float(ratio - reach)), float(ratio + reach)


def _by_document(metric: Metric, frame: pd.DataFrame) -> pd.DataFrame:
    """Columns document, total, count; one row a document, by number."""
    if "kept" in frame and frame["kept"].nunique() > 1:
        raise SettingError("The table holds several variants; choose the rows of one.")
    counts = 1 if metric.count is None else frame[metric.count]
    values = pd.DataFrame({"document": frame["document"], "total": frame[metric.total], "count": counts})
    return values.groupby("document", as_index=False).sum()


def _exact_interval(all_right: bool, n: int) -> tuple[float, float]:
    if n < 2:
        return math.nan, math.nan
    tail = (1 - LEVEL) / 2
    return (float(beta.ppf(tail, n, 1)), 1.0) if all_right else (0.0, float(beta.ppf(1 - tail, 1, n)))


def _exp(mean: Numbers) -> Numbers:
    with np.errstate(over="ignore"):
        grown: Numbers = np.exp(mean)
    return grown
