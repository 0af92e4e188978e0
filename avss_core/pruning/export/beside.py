"""The files of an export that are not transformers' own: card, example, mergekit file, licences. No torch here."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from avss_core.pruning.export.card import CardFacts, model_card
from avss_core.pruning.export.mergekit import recipe
from avss_core.pruning.export.snippet import Snippet

CARD, EXAMPLE, MERGEKIT = "README.md", "example.py", "mergekit.yml"


def write_beside(folder: Path, facts: CardFacts, use: Snippet, per_block_settings: Sequence[str]) -> None:
    """Write them into `folder`, and give all its files the same permissions.

    per_block_settings: the names of the lists in the config that go by block. There is no mergekit file where
    mergekit cannot read the original.
    """
    (folder / CARD).write_text(model_card(facts), encoding="utf-8")
    (folder / EXAMPLE).write_text(use.program(), encoding="utf-8")
    text = recipe(facts.source, facts.cut.kept, facts.dtype, per_block_settings)
    if text is not None:
        (folder / MERGEKIT).write_text(text, encoding="utf-8")
    for file in facts.source.licence_files:
        shutil.copyfile(file, folder / file.name)
    ordinary = (folder / CARD).stat().st_mode & 0o777
    for file in folder.iterdir():
        if file.is_file():  # safetensors writes for one user only
            file.chmod(ordinary)
