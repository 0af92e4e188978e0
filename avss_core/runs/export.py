"""A run as one zip file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from avss_core.errors import RunError, SettingError
from avss_core.runs.store import Store


def export_run(store: Store, run_id: str, target: Path) -> None:
    """Write the zip `target`: `run.json` (what was asked, found, evaluated, labelled by hand), every array as Parquet,
    and what else the work left in the run's folder, such as maps, adapters, and the folder of an exported model.

    The zip that an export keeps beside its model's folder is left out, since it holds the same files. A file that is
    there is replaced once the new one is whole. Raises RunError when an array of the run is gone, SettingError when
    `target` is a folder or cannot be written.
    """
    run = store.run(run_id)
    evaluations = store.evaluations_of(run.id)
    files = [unit.file for unit in store.units(run.id)] + [evaluation["file"] for evaluation in evaluations]
    for file in files:
        if not store.path_of(file).is_file():
            raise RunError(f"The file {store.path_of(file)} of run {run.id} is gone; delete the run and make it again.")
    arrays = {Path(file).name: store.path_of(file) for file in files}
    told = asdict(run) | {
        "evaluations": [evaluation | {"file": Path(evaluation["file"]).name} for evaluation in evaluations],
        "hand_labels": store.hand_labels(run.id),
    }
    with _explained(target):
        if target.is_dir():
            raise SettingError(f"{target} is a folder; name a zip file, such as {target / run.id}.zip, as --to.")
    partial = target.with_name(f"{target.name}.partial")
    try:
        with _explained(target):
            _write(partial, told, arrays | dict(_others(store.folder / run.id, arrays)))
            partial.replace(target)
    finally:
        with suppress(OSError):
            partial.unlink()


def _write(zipped: Path, told: dict[str, Any], files: dict[str, Path]) -> None:
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("run.json", json.dumps(told, indent=2, ensure_ascii=False))
        for name, file in files.items():
            archive.write(file, name)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Put what a disk refuses into one sentence."""
    try:
        yield
    except OSError as error:
        raise SettingError(f"{target} cannot be written ({error.strerror or error}); give another --to.") from error


def _others(folder: Path, arrays: dict[str, Path]) -> Iterator[tuple[str, Path]]:
    """What lies in a run's folder beside its arrays, by its name in the zip; nothing that is half written."""
    known = set(arrays.values())
    for file in sorted(folder.rglob("*")):
        is_there_unpacked = file.suffix == ".zip" and file.with_suffix("").is_dir()
        left_out = file in known or file.suffix in (".partial", ".parquet") or is_there_unpacked
        if file.is_file() and not file.is_symlink() and not left_out:
            yield file.relative_to(folder).as_posix(), file
