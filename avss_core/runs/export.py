"""A run as one zip file."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

from avss_core.errors import SettingError
from avss_core.runs.store import Store


def export_run(store: Store, run_id: str, target: Path) -> None:
    """Write `run.json` and the Parquet files of a run's units into the zip `target`.

    Raises SettingError when the file cannot be written.
    """
    run = store.run(run_id)
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("run.json", json.dumps(asdict(run), indent=2, ensure_ascii=False))
            for unit in store.units(run_id):
                archive.write(store.path_of(unit.file), Path(unit.file).name)
    except OSError as error:
        raise SettingError(f"{target} cannot be written ({error.strerror}); give another --to.") from error
