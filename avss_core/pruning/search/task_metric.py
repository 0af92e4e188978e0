"""Any task's main metric, as a search reads it. No torch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from avss_core.pruning.search.iterative import AppendixH
from avss_core.pruning.search.scoring import Metric
from avss_core.tasks.registry import task_named


def convergence_for(task: str) -> float:
    """ε_c of (59) where none is asked for: that of appendix H for a perplexity, else 0, which never ends for it.

    The mean of n examples moves in steps of 1/n or not at all, so a change of 0 is no sign that it has converged.
    Raises SettingError for a task that does not exist.
    """
    return AppendixH.convergence if task_named(task).metric().exponential else 0.0


def metric_of(task: str) -> Metric:
    """How the frames of a task (from `tasks.run.run_task`, the rows of one variant) are read.

    The loss is Σ total / Σ count, which for a perplexity is nats per token; where higher is better, 1 minus it. Raises
    SettingError for a task that does not exist.
    """
    chosen = task_named(task)
    main = chosen.metric()

    def loss(frame: pd.DataFrame) -> float:
        count = len(frame) if main.count is None else frame[main.count].sum()
        mean = float(np.divide(frame[main.total].sum(), count))
        return 1 - mean if main.higher_is_better else mean

    return Metric(loss, chosen.summarise, chosen.retained_interval)
