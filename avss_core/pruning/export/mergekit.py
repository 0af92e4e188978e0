"""The same cut as a configuration of mergekit, which makes the pruned model from the original's files. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from avss_core.errors import CutError
from avss_core.pruning.export.source import Source

_OWN_PATH = "The path is of the machine that made this: before you hand it on, say where others have the original."


def kept_stretches(kept: Iterable[int]) -> list[tuple[int, int]]:
    """Blocks in rising order -> half-open ranges of neighbours: 0, 1, 2, 5, 6 -> (0, 3), (5, 7)."""
    stretches: list[tuple[int, int]] = []
    for block in kept:
        if stretches and stretches[-1][1] == block:
            stretches[-1] = (stretches[-1][0], block + 1)
        else:
            stretches.append((block, block + 1))
    return stretches


def passthrough_yaml(
    model: str, kept: Sequence[int], dtype: str, revision: str | None = None, comments: Sequence[str] = ()
) -> str:
    """A `merge_method: passthrough` of one slice for each kept stretch; `layer_range` is half-open.

    model: a hub id or a folder in the Hugging Face layout; dtype: `bfloat16`, … of the result. comments: sentences
    to stand above it. Raises CutError when no block is kept.
    """
    if not kept:
        raise CutError("The cut keeps no block, so there is nothing to merge; keep at least one.")
    lines = [f"# {comment}" for comment in ("mergekit-yaml THIS_FILE OUTPUT_FOLDER", *comments)]
    lines += ["merge_method: passthrough", f"dtype: {dtype}", "slices:"]
    for start, stop in kept_stretches(kept):
        lines += ["  - sources:", *_model_lines(model, revision), f"        layer_range: [{start}, {stop}]"]
    return "\n".join(lines) + "\n"


def recipe(source: Source, kept: Sequence[int], dtype: str, per_block_settings: Sequence[str] = ()) -> str | None:
    """The configuration of a cut of `source`, with what its reader must know above it.

    per_block_settings: the names of the lists in the config that go by block. None where mergekit cannot read
    the original.
    """
    if source.reference is None:
        return None
    note = [source.note] if source.note else []
    place = [_OWN_PATH] if source.path is not None else []
    comments = [*note, *place, *left_to_do_by_hand(per_block_settings)]
    return passthrough_yaml(source.reference, kept, dtype, source.revision, comments)


def left_to_do_by_hand(names: Sequence[str]) -> list[str]:
    """A comment on lists of the config that go by block, which mergekit (0.1.5) leaves as they are."""
    if not names:
        return []
    listed = " and ".join(names)
    return [
        f"mergekit leaves {listed} as in the original, and may stop after the weights for it: "
        "take config.json and the other files from the folder."
    ]


def _model_lines(model: str, revision: str | None) -> list[str]:
    """The model in quotes (JSON's are YAML's too), or taken apart where `@` and `+` would mean something in it."""
    if revision is None and not set("@+") & set(model):
        return [f"      - model: {_quoted(model)}"]
    lines = ["      - model:", "          model:", f"            path: {_quoted(model)}"]
    return lines if revision is None else [*lines, f"            revision: {_quoted(revision)}"]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
