"""Trained adapters to take along: for the unpruned model, and for the one that the cut of the Prune page leaves."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import streamlit as st

from avss_core.commands.adapter import take_adapter
from avss_core.runs import Run
from pages.parts.engine import store


def draw_adapters(runs: Mapping[str, Run], trained: Mapping[str, tuple[int, ...]], removed: tuple[int, ...]) -> None:
    """Downloads of every training by its name. trained: its blocks; removed: those that the cut takes out.

    Where the cut leaves none of the trained blocks, nothing of the adapter would be left, and there is no button.
    """
    with st.container(horizontal=True):
        for name, run in runs.items():
            for blocks in dict.fromkeys([(), removed]):
                if set(trained[name]) <= set(blocks):
                    st.caption(f"Adapter, {name}: the cut of the Prune page removes every block that was trained.")
                    continue
                which = f"for the cut without {', '.join(map(str, blocks))}" if blocks else "for the unpruned model"
                st.download_button(
                    f"Adapter, {name}, {which} (zip)",
                    partial(_zipped, run, blocks),
                    f"adapter-{run.id}.zip",
                    "application/zip",
                    key=f"adapter-{run.id}-{len(blocks)}",
                    type="tertiary",
                    icon=":material/download:",
                    on_click="ignore",
                    help="For peft's PeftModel.from_pretrained. What it does to a pruned model was not measured.",
                )


def _zipped(run: Run, removed: tuple[int, ...]) -> bytes:
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as made, zipfile.ZipFile(packed, "w") as archive:
        folder = Path(made) / "adapter"
        take_adapter(store(), run, removed, folder)
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return packed.getvalue()
