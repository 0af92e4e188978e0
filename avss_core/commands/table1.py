"""`avss table1`: the table 1 of the AVSS paper for models, tasks and methods of one's own choice."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console

from avss_core.commands import options as o
from avss_core.commands.answer import answer, records
from avss_core.commands.session import Workers, run_to_end
from avss_core.errors import AvssError, Cancelled, RunError
from avss_core.jobs.table1 import Progress, progress, table1_frame
from avss_core.runs import Store
from avss_core.studies.papers import READING, SOURCE, papers_frame
from avss_core.studies.table1 import CALIBRATION_TOKENS, FRACTION, HELD_OUT_TOKENS, METHODS, REPEATS, TASKS, Table1Study
from avss_core.studies.table1_wide import wide_table

INTERVALS = (
    "low, high: 95 % t interval of the mean over {repeats} samples that blocks were ranked on (of a perplexity: of its "
    "logarithm). document_low, document_high: 95 % interval over held-out documents."
)


def table1(
    models: Annotated[str, typer.Option(help="Models separated by commas, each as --model takes it.")] = "default",
    tasks: Annotated[
        str, typer.Option(help="Tasks separated by commas, `TASK:DATA` for another data set than the sample.")
    ] = ",".join(TASKS),
    methods: Annotated[str, typer.Option(help="As `avss rank --method` takes them.")] = ",".join(METHODS),
    repeats: Annotated[int, typer.Option(help="Samples to rank blocks on, no document in two of them.")] = REPEATS,
    fraction: Annotated[float, typer.Option(help="Share of the blocks to remove.")] = FRACTION,
    max_tokens: Annotated[
        int | None, typer.Option(help="Tokens of each sample that blocks are ranked on.")
    ] = CALIBRATION_TOKENS,
    held_out_tokens: Annotated[
        int | None, typer.Option(help="Tokens of the held-out questions, of each task.")
    ] = HELD_OUT_TOKENS,
    calibration: Annotated[
        str | None, typer.Option(help="One text to rank blocks on, instead of each task's own.", show_default=False)
    ] = None,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """The papers' table 1: each method's ranking cuts a share of the blocks, and the rest does the task.

    Repeated on several samples of text. The paper's own figures stand beside, marked as theirs. `standin-classifier`
    is a small classifier that stands in for DistilBERT. What is in the store already is not run again.
    """
    study = Table1Study(
        tuple(o.model_spec(name, None, dtype, device, allow_pickle, trust_remote_code) for name in _names(models)),
        _names(tasks),
        _names(methods),
        repeats,
        fraction,
        max_tokens,
        held_out_tokens,
        calibration,
        seed,
    )
    opened = Store(store)
    with Workers(opened) as workers:
        _run(workers, study)
    ours, theirs = table1_frame(opened, study), papers_frame()
    values: dict[str, Any] = {
        "settings": study.to_dict(),
        "rows": records(ours),
        "papers": {"source": SOURCE, "reading": READING, "rows": records(theirs)},
        "intervals": INTERVALS.format(repeats=repeats),
    }
    both = pd.concat([ours, theirs], ignore_index=True)
    answer(values, as_json, wide_table(both, study.methods), "Table 1")
    if not as_json:
        print(values["intervals"])
        print(READING)


def _run(workers: Workers, study: Table1Study) -> None:
    """Run what is still to do, one request after another; what fails is noted in its row, and the rest goes on."""
    since, tried, done = time.time(), set[str](), set[str]()
    while (now := progress(workers.store, study, since)).step is not None:
        _tell(now)
        run_id = now.step.request.run_id()
        if run_id in done:  # it would be found done for ever
            raise RunError(f"What run {run_id} found is gone from the store; delete the run, then start again.")
        try:
            run_to_end(workers, now.step.request)
            done.add(run_id)
        except AvssError as error:
            if isinstance(error, Cancelled) or run_id in tried:  # nothing in the store says that it failed
                raise
            print(f"avss: {error}", file=sys.stderr)
        tried.add(run_id)


def _tell(now: Progress) -> None:
    """Which step it is, on a terminal; elsewhere standard error stays empty."""
    console = Console(stderr=True)
    if now.step is not None and console.is_terminal:
        console.print(f"{now.done} of {now.total}: {now.step.row.model.source}, {now.step.what}", highlight=False)


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))
