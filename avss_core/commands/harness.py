"""`avss harness`: tasks of the lm-evaluation-harness, on a model and on what a cut leaves of it."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Annotated

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer, records
from avss_core.commands.blocks import parse_blocks
from avss_core.commands.option_groups import ModelOptions, in_groups
from avss_core.errors import SettingError
from avss_core.pruning import Cut


@in_groups
def harness(
    *,
    tasks: Annotated[str, typer.Option(help="Tasks of the harness, by name, separated by commas.")],
    remove: Annotated[
        str | None,
        typer.Option(
            help="Blocks to remove, 0-based, such as 3,4,5 or 3-5; without it only the whole model is run.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="No more than so many examples of each task.", min=1)] = None,
    shots: Annotated[
        int | None, typer.Option(help="Solved examples before each.", min=0, show_default="the task's own")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Sequences that are run at once.", min=1)] = 8,
    model: ModelOptions,
    as_json: o.Json = False,
) -> None:
    """Run tasks of the lm-evaluation-harness on the original and on the pruned model.

    The package is optional: `pip install lm-eval`. It fetches its own data from the hub and keeps to its own splits, so
    nothing is held out here. It runs in this process, and nothing is kept in the store.
    """
    names = [name.strip() for name in tasks.split(",") if name.strip()]
    if not names:
        raise SettingError("No task is named; give --tasks, such as hellaswag,arc_easy.")
    removed = () if remove is None else parse_blocks(remove)
    # torch, which other commands leave to the workers
    from avss_core.models.load import load_model
    from avss_core.tasks.lm_eval_adapter import import_harness, run_harness

    import_harness()  # before the model: what is missing is told at once
    loaded = load_model(model.spec)
    cut = Cut(removed, loaded.n_blocks, "named by hand")
    networks = {"original": range(loaded.n_blocks)} | ({"pruned": cut.kept} if removed else {})
    with redirect_stdout(sys.stderr):  # the answer alone goes to standard output
        frames = [
            run_harness(loaded, kept, names, limit, shots, batch_size).assign(model=name)
            for name, kept in networks.items()
        ]
    table = pd.concat(frames, ignore_index=True)
    values = {
        "kept": list(cut.kept),
        "removed": list(cut.removed),
        "limit": limit,
        "shots": shots,
        "device": str(loaded.device),
        "rows": records(table),
    }
    answer(values, as_json, table[["task", "metric", "model", "value", "stderr", "n"]])
