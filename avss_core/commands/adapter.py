"""Take a trained adapter out of the store: for the unpruned model, or for the one that a cut leaves."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from avss_core.commands.blocks import parse_blocks
from avss_core.errors import CutError, RunError, SettingError
from avss_core.hallucination.mitigation.for_cut import adapter_for_cut
from avss_core.jobs.mitigate_results import adapter_folder
from avss_core.paths import looked_at
from avss_core.pruning import Cut
from avss_core.pruning.export.new_folder import explained, new_folder
from avss_core.runs import Run, Store


def check_adapter(folder: Path | None, for_cut: str | None) -> tuple[int, ...]:
    """The blocks that --for-cut names, none without it.

    Raises SettingError when the folder is there already, or a cut is named without one.
    """
    if folder is None and for_cut is not None:
        raise SettingError("--for-cut is about the adapter that --adapter writes; give a new folder with --adapter.")
    if folder is not None:
        with looked_at(folder, SettingError, "name another folder for --adapter"):
            if folder.exists():
                raise SettingError(f"{folder} is there already; name a new folder for --adapter.")
    return () if for_cut is None else parse_blocks(for_cut)


def check_left(removed: tuple[int, ...], n_blocks: int, trained: Sequence[int] = ()) -> None:
    """CutError when the blocks of --for-cut cannot be removed, or when they are all of those that are trained."""
    kept = Cut(removed, n_blocks, "given to --for-cut").kept
    if trained and not set(trained) & set(kept):
        raise CutError(
            f"--for-cut removes every block that is trained ({', '.join(map(str, sorted(trained)))}), so nothing of "
            "the adapter would be left; train others with --only, or leave --for-cut out."
        )


def take_adapter(store: Store, run: Run, removed: tuple[int, ...], folder: Path) -> None:
    """Write a finished training's adapter to `folder`, with the blocks numbered as they are without those removed.

    `peft.PeftModel.from_pretrained` puts it on the unpruned model, or on the exported one that lacks these blocks. The
    blocks were trained in the whole model, and what the adapter does to the pruned one has not been measured. The
    folder, new or empty, appears whole or not at all. Raises CutError for blocks that cannot be removed or when none of
    the trained ones is left, RunError when files are gone, SettingError when the folder cannot be written,
    ResourceError when the disk is full.
    """
    source, target = adapter_folder(store, run.id), folder.absolute()
    if not source.is_dir():
        raise RunError(f"The adapter in {source} is gone; delete the run and train again.")
    with new_folder(target) as work, explained(target):
        if removed:
            _write_for_cut(run, source, removed, work)
        else:
            for file in source.iterdir():
                shutil.copyfile(file, work / file.name)


def _write_for_cut(run: Run, source: Path, removed: tuple[int, ...], folder: Path) -> None:
    kept = Cut(removed, int(run.facts["blocks"]), "given to --for-cut").kept
    if "blocks_path" not in run.facts:
        raise RunError(f"Run {run.id} does not say where its blocks are; delete it and train again for --for-cut.")
    adapter_for_cut(source, run.facts["blocks_path"], kept, folder)
