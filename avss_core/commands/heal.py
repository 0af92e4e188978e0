"""`avss heal`: give a cut back what it took, and say how near it comes to the unpruned model that got the same."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.commands.blocks import parse_blocks
from avss_core.commands.export_cut import check_export_folder, export_cut
from avss_core.commands.option_groups import ModelOptions, TextOptions, in_groups
from avss_core.commands.session import Workers, run_to_end
from avss_core.jobs import EvaluateRequest, HealRequest
from avss_core.jobs.heal_results import heal_result, healed_files
from avss_core.jobs.requests.heal import tokens_to_read
from avss_core.pruning.healing import MAP_TOKENS, LinearSettings, TrainingSettings
from avss_core.runs import Store
from avss_core.tasks import PERPLEXITY


class Objective(StrEnum):
    """What training makes small, as the shell calls it; the weights are in `OBJECTIVES`."""

    NEXT_TOKEN = "next-token"
    DISTIL = "distil"


class TeacherName(StrEnum):
    """Whose answers are distilled."""

    ORIGINAL = "original"
    CONTROL = "control"


@in_groups
def heal(
    *,
    remove: Annotated[str, typer.Option(help="Blocks that are removed, 0-based, such as 3,4,5 or 3-5.")],
    linear: Annotated[bool, typer.Option(help="Fit linear maps across the gaps; training begins from them.")] = True,
    map_tokens: Annotated[int, typer.Option(help="Tokens that the maps are fitted and judged on.")] = MAP_TOKENS,
    steps: Annotated[int, typer.Option(help="Training steps; 0: no training.", min=0)] = 100,
    sequences: Annotated[int, typer.Option(help="Windows of text in a step.")] = 4,
    training_length: Annotated[int, typer.Option(help="Tokens in a window of the calibration text.")] = 256,
    objective: Annotated[
        Objective, typer.Option(help="Loss of the next token alone, or also the distance to a teacher.")
    ] = Objective.NEXT_TOKEN,
    teacher: Annotated[
        TeacherName, typer.Option(help="With distil: the unpruned model as it was, or as it is being trained.")
    ] = TeacherName.CONTROL,
    rank: Annotated[int, typer.Option(help="Rank of the LoRA adapters; their weight alpha is twice that.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="The highest, after the warm-up.")] = 1e-3,
    evaluate_tokens: Annotated[int | None, typer.Option(help="Tokens of held-out text that all are judged on.")] = 8000,
    export: Annotated[
        Path | None, typer.Option(help="Write the healed model to this new folder.", show_default=False)
    ] = None,
    seed: o.Seed = 0,
    model: ModelOptions,
    text: TextOptions,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Heal a cut by linear maps and by training, beside the unpruned model that is given the same training.

    Maps and adapters are fitted on the profiled part of the text (--max-tokens of it, by default as much as is
    worth reading), and everything is judged on the held-out part. Ctrl-C keeps the loss curve so far; the same command
    trains again from the first step.
    """
    removed = parse_blocks(remove)
    target = None if export is None else check_export_folder(export)
    held_out = replace(text.spec.of_part(text.evaluated_part), max_tokens=evaluate_tokens)
    how = {"steps": steps, "sequences": sequences, "rank": rank, "learning_rate": learning_rate, "seed": seed}
    training = TrainingSettings.for_objective(objective.value, teacher.value, **how) if steps else None
    maps = LinearSettings(tokens=map_tokens) if linear else None
    calibration = replace(text.spec, length=training_length)
    if text.max_tokens is None:
        calibration = replace(calibration, max_tokens=tokens_to_read(maps, training, training_length))
    request = HealRequest(model.spec, calibration, held_out, removed, maps, training)
    opened = Store(store)
    with Workers(opened) as workers:
        run = run_to_end(workers, request)
        exported = None
        if target is not None:
            judged = EvaluateRequest(request.model, request.evaluate, PERPLEXITY, ((), request.removed))
            exported = export_cut(workers, judged, request.removed, "named by hand", target, run.id)
    result, files = heal_result(opened, run.id), healed_files(opened, run.id)
    with_maps = result.maps_help or result.adapters_need_maps
    offered = (*([files.maps] if with_maps else []), files.adapter, files.control_adapter)
    values: dict[str, Any] = {
        "run": run.id,
        **result.to_dict(),
        "judged_on": text.judged_on,
        "seconds": run.seconds,
        "tokens": run.facts["tokens"],
        "files": [str(file) for file in offered if file.exists()],
    }
    if exported is not None:
        values["export"] = exported
    told = f"Perplexity on {text.judged_on}; apart: × that of the model it stands beside."
    answer(values, as_json, result.table(), told)
    if not as_json:
        for line in result.sentences():
            print(line)
