"""Hidden states and labels of an answers frame, as arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from avss_core.errors import SettingError
from avss_core.hallucination.judge import LABELS, TRUTHFUL
from avss_core.hallucination.logistic import Numbers


def states_of(frame: pd.DataFrame, column: str) -> NDArray[np.float32]:
    """The states in `column` (`state_prompt` or `state_answer`) of all answers: (n, blocks, hidden).

    Raises SettingError when the frame has no answers.
    """
    if frame.empty:
        raise SettingError("There are no answers to read states from; ask some questions first.")
    return np.stack([np.asarray(states, dtype=np.float32) for states in frame[column]])


def correct_of(frame: pd.DataFrame, labels: pd.Series) -> Numbers:
    """1 for a truthful answer, 0 for a hallucinated one, in the frame's order: (n,).

    Raises SettingError when there is not one label for each answer, or one that is neither.
    """
    if len(labels) != len(frame):
        raise SettingError(f"There are {len(labels)} labels for {len(frame)} answers; judge the answers again.")
    strange = sorted({str(label) for label in labels} - set(LABELS))
    if strange:
        raise SettingError(f"An answer is labelled {strange[0]!r}; a label is {' or '.join(LABELS)}.")
    return (labels == TRUTHFUL).to_numpy(dtype=np.float64)
