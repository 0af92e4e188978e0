"""Exports: one unit, which writes the folder, checks it by loading it again, and keeps what was found."""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path

import pandas as pd

from avss_core.jobs.gain_results import gain_in
from avss_core.jobs.requests.export import ExportRequest
from avss_core.jobs.resident import resident_model
from avss_core.jobs.results import outcome_in
from avss_core.jobs.works.base import Plan, Turn, Work, Write
from avss_core.jobs.works.healed import Healed
from avss_core.jobs.works.healers import healed_in
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.pruning.export import Measured, Notes, source_of, zip_export
from avss_core.pruning.export.folder import export_pruned
from avss_core.pruning.export.name import export_name
from avss_core.runs import Store


class ExportWork(Work):
    """The text is not read: the figures of the model card are those that the store holds.

    Whether the folder is free is asked by who writes it: one that this run wrote, before it was cancelled, is its own.
    """

    def check(self, request: ExportRequest, model: LoadedModel) -> None:
        Cut(request.removed, model.n_blocks, request.reason)

    def plan(self, request: ExportRequest, model: LoadedModel) -> Plan:
        return Plan(units=1)

    def run(self, request: ExportRequest, turn: Turn) -> Write:
        model = resident_model(request.model)
        cut = Cut(request.removed, model.n_blocks, request.reason)
        healed = healed_in(turn.store, request.healing, model, cut)
        inside = f"{turn.run}/{export_name(source_of(request.model), cut)}"
        folder = turn.store.path_of(inside) if request.folder is None else Path(request.folder)
        if request.folder is None:
            _clear(folder)
        changed = None if healed is None else (healed.network, healed.sentence)
        export = export_pruned(model, cut, folder, _notes(request, turn.store, healed), changed, turn.say)
        if request.folder is None:
            _pack(folder, turn)
        found = {
            "folder": inside if request.folder is None else str(folder),
            "zip": f"{inside}.zip" if request.folder is None else "",
            "host": platform.node(),
            "files": json.dumps(export.sizes),
            "check": json.dumps(export.check.to_dict()),
        }
        return pd.DataFrame([found]).to_parquet


def _clear(folder: Path) -> None:
    """Take away what an attempt left that was cut off, even in the middle of writing; nobody else writes here."""
    for left in (folder, *folder.parent.glob(f".{folder.name}.*")):
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def _pack(folder: Path, turn: Turn) -> None:
    """Make the zip beside the folder; without it the folder goes too, for nobody would find it."""
    try:
        turn.say("packing the zip")
        zip_export(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _notes(request: ExportRequest, store: Store, healed: Healed | None) -> Notes:
    """What was measured of the network that is exported: figures of the plain cut say nothing of a healed one."""
    measured = () if healed is None else healed.measured
    measured += tuple(
        Measured(outcome_in(store, each, request.removed, request.reason), each.corpus) for each in request.evaluations
    )
    table = None if request.gain is None else gain_in(store, request.gain)
    if request.gain is None or table is None:
        return Notes(request.method, measured)
    facts = store.run(request.gain.run_id()).facts
    return Notes(request.method, measured, (table, request.gain.settings), f"{facts['device']} in {facts['dtype']}")
