"""`avss gain`: what a cut gains in speed, latency and memory, measured beside the original."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer, records
from avss_core.commands.blocks import parse_blocks
from avss_core.commands.option_groups import ModelOptions, in_groups
from avss_core.commands.session import Workers, run_to_end
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import RunError
from avss_core.jobs.gain_results import gain_in
from avss_core.jobs.heal_results import healed_files, healing_of
from avss_core.jobs.requests import GainRequest
from avss_core.pruning import Cut, parameter_reduction
from avss_core.pruning.gain_table import GainSettings
from avss_core.runs import Run, Store

Remove = Annotated[str, typer.Option(help="Blocks to remove, 0-based, such as 3,4,5 or 3-5.")]

_SHOWN = ("label", "unit", "original", "pruned", "ratio", "ratio_low", "ratio_high")
_DEFAULT = GainSettings()


@in_groups
def gain(
    *,
    remove: Remove,
    healing: o.Healing = None,
    tokens: Annotated[int, typer.Option(help="Tokens of a forward pass.")] = _DEFAULT.tokens,
    prompt_tokens: Annotated[int, typer.Option(help="Tokens of the prompt that is continued.")] = (
        _DEFAULT.prompt_tokens
    ),
    new_tokens: Annotated[int, typer.Option(help="Tokens that are written.")] = _DEFAULT.new_tokens,
    rounds: Annotated[int, typer.Option(help="How often each piece of work is timed.")] = _DEFAULT.rounds,
    again: Annotated[bool, typer.Option("--again", help="Measure also when this was measured before.")] = False,
    model: ModelOptions,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Time the original and the pruned model in turns, in one run: forward pass, generation, memory, parameters."""
    settings = GainSettings(tokens, prompt_tokens, new_tokens, rounds)
    opened = Store(store)
    removed = parse_blocks(remove)
    healed_by = None if healing is None else healing_of(opened, healing, removed).id
    request = GainRequest(model.spec, CorpusSpec(), removed, settings, healed_by)
    known = opened.find_run(request.run_id())
    if again and known is not None and known.status == "done":
        opened.delete_run(known.id)
    with Workers(opened) as workers:
        run = run_to_end(workers, request)
    table = gain_in(opened, request)
    if table is None:
        raise RunError(f"What the run {run.id} measured is gone from the store; measure with --again.")
    added = 0 if healed_by is None else healed_files(opened, healed_by).parameters_added
    answer(gain_answer(run, request, table, added), as_json, table[list(_SHOWN)])


def gain_answer(run: Run, request: GainRequest, table: pd.DataFrame, added: int) -> dict[str, Any]:
    """The answer: a row a quantity (`pruning.gain_table.gain_table`), the cut, and on what it was measured.

    added: parameters that the healing adds.
    """
    cut = Cut(request.removed, run.facts["blocks"], "named by hand")
    reduction = parameter_reduction(cut, run.facts["block_parameters"], run.facts["parameters"], added)
    return {
        "run": run.id,
        "kept": list(cut.kept),
        "removed": list(cut.removed),
        "healing": request.healing,
        "device": run.facts["device"],
        "dtype": run.facts["dtype"],
        "parameters_removed": reduction.removed,
        "parameter_reduction": reduction.of_all,
        "settings": request.settings.to_dict(),
        "rows": records(table),
    }
