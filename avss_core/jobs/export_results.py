"""Ask for an export with the figures that the store holds, and read what became of it. No torch here."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import AvssError
from avss_core.jobs.gain_results import latest_gain
from avss_core.jobs.requests.evaluate import EvaluateRequest
from avss_core.jobs.requests.export import ExportRequest
from avss_core.jobs.results import only_file
from avss_core.pruning.export.check import Check
from avss_core.runs import Store


@dataclass(frozen=True)
class Exported:
    """A finished export: where it lies on `host`, its files with their sizes in bytes, and what was checked.

    zip: beside the folder, of an export that is kept in the store; else None.
    """

    run: str
    folder: Path
    zip: Path | None
    host: str
    files: dict[str, int]
    check: Check

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON types; `verified` says what was found when the folder was loaded again.

        greedy_text_equal is None for a model that writes no text; an export where it is not equal does not exist.
        """
        greedy = self.check.greedy
        return {
            "run": self.run,
            "folder": str(self.folder),
            "zip": None if self.zip is None else str(self.zip),
            "host": self.host,
            "bytes": self.bytes,
            "files": self.files,
            "verified": {
                "sentence": self.check.sentence,
                "tensors_equal": self.check.tensors,
                "tokens": self.check.tokens,
                "logits_max_difference": self.check.max_difference,
                "greedy_text_equal": None if greedy is None else True,
                "greedy_text": greedy,
            },
        }


def export_request(
    store: Store,
    evaluate: EvaluateRequest,
    removed: tuple[int, ...],
    reason: str,
    folder: Path | None = None,
    healing: str | None = None,
    method: str = "",
) -> ExportRequest:
    """An export of a cut with every figure that the store has of it: evaluations on any task and text, measured gain.

    evaluate: names the model; its own task and text come first in the model card. folder: None keeps the model in the
    store. healing: the id of a healing run; the figures of the card are of its network, not of the plain cut. method:
    the score that chose the blocks, with its settings and its text.
    """
    return ExportRequest(
        evaluate.model,
        evaluate.corpus,
        removed,
        reason,
        None if folder is None else str(folder),
        evaluations_of(store, replace(evaluate, healing=healing), removed),
        latest_gain(store, evaluate.model, removed, healing),
        healing,
        method,
    )


def evaluations_of(store: Store, first: EvaluateRequest, removed: tuple[int, ...]) -> tuple[EvaluateRequest, ...]:
    """One request for every task and text that both the unpruned model and the cut, healed as that of `first` is or
    not at all, have been evaluated on."""
    cut, asked = tuple(sorted(removed)), [first]
    for run in store.runs(EvaluateRequest.kind, limit=None):
        # The same source is the same model when the key says so; with a dtype that is named, whatever the device.
        cuts = [tuple(sorted(each)) for each in run.spec["cuts"]]
        if run.spec["model"]["source"] == first.model.source and cut in cuts:
            # A text that is gone, or a task that is no more, cannot be asked about.
            with suppress(AvssError):
                corpus = CorpusSpec.from_dict(run.spec["corpus"])
                asked.append(EvaluateRequest(first.model, corpus, run.spec["task"], ((),), first.healing))
    found: dict[str, EvaluateRequest] = {}
    for request in asked:
        with suppress(AvssError):
            keys = [request.evaluation_key(blocks) for blocks in ((), cut)]
            if all(store.has_evaluation(key) for key in keys):
                found.setdefault(keys[1], replace(request, cuts=tuple(dict.fromkeys([(), cut]))))
    return tuple(found.values())


def exported_in(store: Store, request: ExportRequest) -> Exported | None:
    """What a finished export left; None while it is not done."""
    file = only_file(store, request)
    if file is None:
        return None
    row = pd.read_parquet(file).to_dict(orient="records")[0]
    return Exported(
        request.run_id(),
        store.path_of(row["folder"]),  # an absolute path stays what it is
        store.path_of(row["zip"]) if row["zip"] else None,
        row["host"],
        json.loads(row["files"]),
        Check(**json.loads(row["check"])),
    )
