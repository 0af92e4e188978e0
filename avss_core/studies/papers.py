"""The figures that the AVSS paper printed in its table 1: theirs, shown beside ours and always marked so.

arXiv 2411.02117, table 1. The paper names models and data sets in a word each; which ones on the hub it most likely
means is our reading.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pandas as pd

from avss_core.models.spec import ModelSpec
from avss_core.studies.at_hand import missing_model, missing_text
from avss_core.studies.table1 import ORIGINAL, PAPER_METHODS
from avss_core.tasks import spec_of, task_named

SOURCE = "AVSS paper (arXiv 2411.02117), table 1: the authors' figures, not measured here"
MODELS = {
    "DistilBERT": "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    "LLama-1B": "meta-llama/Llama-3.2-1B",
    "LLama-7B": "meta-llama/Llama-2-7b-hf",
    "LLama-8B": "meta-llama/Llama-3.1-8B",
    "Stablelm-3B": "stabilityai/stablelm-3b-4e1t",
}
READING = (
    "The paper names models in a word each; which one on the hub it means is our reading: "
    + ", ".join(f"{name} is {source}" for name, source in MODELS.items())
    + "."
)
DATA_SETS = {"SST-2": "sst2", "HackerNews": "hackernews", "The Pile": "pile", "SQuAD": "squad"}
_FILE = Path(__file__).resolve().parents[2] / "assets" / "papers" / "avss_table1.csv"


@lru_cache(maxsize=1)
def papers_rows() -> pd.DataFrame:
    """As printed: task, data_set, model, a column a method, parameter_reduction (a share)."""
    return pd.read_csv(_FILE)


def papers_frame() -> pd.DataFrame:
    """One row a cell, in the columns of `jobs/table1/results.py`: whose (`theirs`), task, …, value, retained, note.

    note: what of the row is not at hand here, so that it cannot be measured; else how to ask for it.
    """
    cells = []
    for printed in papers_rows().to_dict("records"):
        metric = task_named(printed["task"]).metric()
        note = _note(str(printed["task"]), str(printed["data_set"]), str(printed["model"]))
        for method in (ORIGINAL, *PAPER_METHODS):
            value, whole = printed[method], printed[ORIGINAL]
            cells.append(
                {
                    "whose": "theirs",
                    "model": printed["model"],
                    "task": printed["task"],
                    "data_set": printed["data_set"],
                    "metric": metric.name,
                    "higher_is_better": metric.higher_is_better,
                    "method": method,
                    "value": value,
                    "retained": value / whole if metric.higher_is_better else whole / value,
                    "parameter_reduction": 0.0 if method == ORIGINAL else printed["parameter_reduction"],
                    "note": note,
                }
            )
    return pd.DataFrame(cells)


def _note(task: str, data_set: str, model: str) -> str:
    text = spec_of(task_named(task), DATA_SETS[data_set])
    missing = [
        f"{name} ({source})"
        for name, source, is_missing in (
            (model, MODELS[model], missing_model(ModelSpec(MODELS[model]))),
            (data_set, text.source, missing_text(text)),
        )
        if is_missing
    ]
    if missing:
        return f"not at hand: {' and '.join(missing)}"
    return f"at hand: --models {MODELS[model]} --tasks {task}:{DATA_SETS[data_set]}"
