"""Read what a run of kind "answers" left in the store. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from avss_core.errors import RunError
from avss_core.hallucination.edges import EDGES
from avss_core.jobs.requests import AnswersRequest
from avss_core.runs import Store

_LISTS = ("references", "prompt_ids", "answer_ids", "logprobs")


def answers_request(store: Store, run_id: str) -> AnswersRequest:
    """What was asked for; RunError when the run is of another kind."""
    run = store.run(run_id)
    if run.kind != AnswersRequest.kind:
        raise RunError(f"Run {run.id} is a run of kind {run.kind}, not of answers; `avss runs list` shows the kinds.")
    return AnswersRequest.from_dict(run.spec)


def answers_frame(store: Store, run_id: str) -> pd.DataFrame:
    """All answers of a finished run, one row a question, in the corpus's order; numbered from 0.

    example, document, question, references, answer  the question's id, the number of its text, texts
    prompt_ids, answer_ids, logprobs                 lists; logprobs are natural logs, one for each of answer_ids
    SITE_n, SITE_sum, SITE_sum_squares               arrays (blocks,) over the answer's tokens × features; SITE is
                                                     residual or update, and is not there where it cannot be measured
    SITE_below                                       (blocks, edges) how many |a| < each of `edges.EDGES`
    state_prompt, state_answer                       (blocks, hidden) float32 of float16: the blocks' outputs at the
                                                     prompt's last token, and their mean over the answer's tokens (nan
                                                     where the answer has no token)
    kept                                             the original numbers of the blocks, as text: "0,1,2"

    Raises RunError for a run that is not done or of another kind.
    """
    request = answers_request(store, run_id)
    run = store.run(run_id)
    if run.status != "done":
        raise RunError(f"Run {run.id} is {run.status}, so not all of its answers are there; finish it first.")
    kept = [block for block in range(run.facts["blocks"]) if block not in request.removed]
    return read_answers([store.path_of(unit.file) for unit in store.units(run.id)], kept)


def answers_count(store: Store, run_id: str) -> int:
    """How many questions a run has answered, without reading the answers; RunError when a file is gone."""
    paths = [store.path_of(unit.file) for unit in store.units(run_id)]
    return sum(pq.read_metadata(_there(path)).num_rows for path in paths)


def read_answers(paths: Sequence[Path], kept: Sequence[int]) -> pd.DataFrame:
    """The frame of `answers_frame` from its files, of a model with these blocks; RunError when one is gone."""
    parts = [_read(str(path), _there(path).stat().st_mtime_ns, len(kept)) for path in paths]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(kept=",".join(map(str, kept)))


@lru_cache(maxsize=64)
def _read(path: str, _changed: int, n_blocks: int) -> pd.DataFrame:
    """A run that was deleted and made again has files of the same names."""
    frame = pd.read_parquet(path)
    for name in _LISTS:
        frame[name] = frame[name].map(list)
    for name in [name for name in frame if str(name).endswith("_below")]:
        frame[name] = frame[name].map(lambda counts: np.asarray(counts).reshape(n_blocks, len(EDGES)))
    for name in ("state_prompt", "state_answer"):
        frame[name] = frame[name].map(lambda raw: _states(raw, n_blocks))
    return frame


def _states(raw: bytes, n_blocks: int) -> np.ndarray:
    return np.frombuffer(raw, dtype=np.float16).reshape(n_blocks, -1).astype(np.float32)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise RunError(f"The file {path} of this run is gone; delete the run and ask again.")
    return path
