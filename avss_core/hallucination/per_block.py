"""The P(IK) probe on every block's output: where in the network is it known whether the answer will be right?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from avss_core.hallucination.confidence_table import evidence_of, measured
from avss_core.hallucination.metrics import metrics_for
from avss_core.hallucination.metrics.metric import DRAWS
from avss_core.hallucination.probe import can_fit, out_of_fold
from avss_core.hallucination.states import states_of


def per_block_rows(
    answers_frame: pd.DataFrame,
    labels: pd.Series,
    q: float = 0.5,
    p: float = 0.5,
    seed: int = 0,
    *,
    draws: int = DRAWS,
    told: Callable[[int], None] = lambda block: None,
) -> list[dict[str, Any]]:
    """One row a block, in the layout of the papers' appendix A; JSON types.

    Keys: block (from 0, of the unpruned model), acc@q, cov@p, ece, brier, auroc with `…_low` and `…_high` (bootstrap
    95 % over questions), accuracy, n. The probe reads the block's output at the question's last token, by nested
    cross-validation with the same folds for every block (`probe.out_of_fold`). The papers do not say what they put on
    a block's output: **our reading**. told is called after each block and may raise. Raises SettingError when there are
    too few right or wrong answers for a probe, and what `confidence_rows` raises.
    """
    metrics = metrics_for(q, p)
    evidence = evidence_of(answers_frame, labels, seed=seed)
    states = states_of(answers_frame, "state_prompt")
    found = out_of_fold(states, evidence.correct, answers_frame["document"].to_numpy(), seed, told)
    numbers = _numbers_of(answers_frame, states.shape[1])
    return [
        {"block": number} | measured(found[:, place], evidence.correct, metrics, seed, draws)
        for place, number in enumerate(numbers)
    ]


def why_no_blocks(answers_frame: pd.DataFrame, labels: pd.Series) -> str:
    """Why `per_block_rows` would have nothing to say, in a sentence; empty where it can be asked."""
    return can_fit(evidence_of(answers_frame, labels).correct, answers_frame["document"].to_numpy())


def _numbers_of(frame: pd.DataFrame, blocks: int) -> list[int]:
    """The blocks' numbers in the unpruned model, from the column `kept` where the frame has it."""
    if "kept" not in frame.columns:
        return list(range(blocks))
    return [int(number) for number in str(frame["kept"].iloc[0]).split(",")]
