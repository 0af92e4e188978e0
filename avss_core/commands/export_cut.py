"""Take a cut home from the shell: `--export DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avss_core.commands.session import Workers, run_to_end
from avss_core.errors import RunError, SettingError
from avss_core.jobs.export_results import export_request, exported_in
from avss_core.jobs.requests import EvaluateRequest
from avss_core.paths import looked_at
from avss_core.pruning.export.new_folder import require_free


def check_export_folder(folder: Path) -> Path:
    """The folder as an absolute path; SettingError when there is something in it already.

    To be asked before anything is measured: an evaluation whose export is refused afterwards is a long way to a no.
    """
    with looked_at(folder, SettingError, "choose another folder for the export"):
        target = folder.expanduser().absolute()
    require_free(target)
    return target


def export_cut(
    workers: Workers,
    request: EvaluateRequest,
    removed: tuple[int, ...],
    reason: str,
    folder: Path,
    healing: str | None = None,
    method: str = "",
) -> dict[str, Any]:
    """Write a cut of the model of `request` as a folder that plain transformers loads, checked by loading it again.

    The worker writes it, so on a cluster `folder` is a path of the machine that the worker runs on; `host` in the
    answer names it, and `here` says whether the folder is to be seen from this one. The model card carries the
    evaluations and the measured gain that the store has of this cut. healing: the id of a finished healing run of the
    same cut, whose network is written in place of the plain one, with its own figures. method: the score that chose the
    blocks, for the card. The answer is JSON types: `jobs.export_results.Exported.to_dict`, with `kept`, `removed`,
    `reason`, `evaluations` (how many) and `here`.

    Raises SettingError when the folder is not empty, cannot be written, or its disk is too small, and what
    `pruning.export.folder.export_pruned` raises.
    """
    target = check_export_folder(folder)
    asked = export_request(workers.store, request, removed, reason, target, healing, method)
    known = workers.store.find_run(asked.run_id())
    if known is not None and known.ended:  # and the folder that it may have written was taken away since
        workers.store.delete_run(known.id)
    run = run_to_end(workers, asked)
    found = exported_in(workers.store, asked)
    if found is None:
        raise RunError(f"What the export {run.id} found is gone from the store; export the cut again.")
    removed = asked.removed
    return {
        **found.to_dict(),
        "kept": [block for block in range(run.facts["blocks"]) if block not in removed],
        "removed": list(removed),
        "reason": reason,
        "evaluations": len(asked.evaluations),
        "here": found.folder.is_dir(),
    }
