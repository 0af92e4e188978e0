"""Training that lives in this worker from one unit to the next.

Its state (adapters, what the optimiser remembers, the place in the text) is only in memory, beside the model. Where it
is not there any more, training begins again from its start, and then makes all of its steps in one unit: so two jobs
that take turns on one worker disturb each other once and not at every unit.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import pandas as pd

from avss_core.jobs.heal_results import healed_files, losses_so_far
from avss_core.jobs.heal_stop import is_to_stop
from avss_core.jobs.requests.heal import HealRequest, Part
from avss_core.jobs.resident import beside, resident_model, windows_for
from avss_core.jobs.works.base import Turn
from avss_core.pruning.healing.healed_files import HealedFiles
from avss_core.pruning.healing.steps import Step, steps_table
from avss_core.pruning.healing.train import Training, training_sentence
from avss_core.variants.variant import Variant

_TRAINING = "training"  # in `resident.beside`; one at most, since it holds the optimiser and two changed networks


@dataclass(frozen=True, eq=False)
class _Live:
    """curve: when it began, in nanoseconds, which tells its loss rows from those of an earlier beginning."""

    run: str
    curve: int
    training: Training


def train_part(request: HealRequest, turn: Turn) -> pd.DataFrame:
    """Make the steps of one unit and return their loss rows; after the last step the adapters are kept as files.

    Raises Cancelled between two steps; who catches it drops what is in memory (`resident.forget`).
    """
    parts, files = request.parts(), healed_files(turn.store, turn.run)
    part, known = parts[turn.number], losses_so_far(turn.store, turn.run)
    over = files.about_training()
    if part.first and over is not None and len(known) and over["curve"] == known["curve"].max():
        return _rows_of(known, part)
    held = beside(request.model)
    live, until = _found(held.get(_TRAINING), turn, part, known), part.last
    if live is None:
        if part.first:
            turn.say("training again from its first step, since it was stopped or its worker was lost")
            assert request.training is not None
            until = request.training.steps
        files.forget_training()
        held.pop(_TRAINING, None)  # the memory of another healing's first
        live = held[_TRAINING] = _begin(request, turn, files)
    _go(live, turn, parts, until)
    rows = _table(live.training.steps_done, live.curve)
    stopped = is_to_stop(turn.store, turn.run)
    if stopped or len(rows) == live.training.settings.steps:
        _keep(live, files)
        del held[_TRAINING]
    return _rows_of(rows, part)


def _found(live: _Live | None, turn: Turn, part: Part, known: pd.DataFrame) -> _Live | None:
    """The training that has made exactly the steps before this unit, and drew the curve that is in the store."""
    if live is None or not part.first or not len(known):
        return None
    same = live.run == turn.run and live.curve == known["curve"].iloc[0]
    return live if same and len(known) == len(live.training.steps_done) == part.first else None


def _begin(request: HealRequest, turn: Turn, files: HealedFiles) -> _Live:
    model = resident_model(request.model)
    variant, windows = Variant.without(model.n_blocks, request.removed), windows_for(request.model, request.corpus)
    training = Training(model, variant, windows, request.training, files.linear_maps())
    return _Live(turn.run, time.time_ns(), training)


def _go(live: _Live, turn: Turn, parts: tuple[Part, ...], until: int) -> None:
    """Make steps up to `until`, or until it is to stop.

    Units of other numbers that become whole are kept at once, and so is the one that holds the last step: the curve in
    the store is then that of the training whose adapters are kept.
    """
    training, read = live.training, live.training.steps_done[-1].tokens if live.training.steps_done else 0
    for step in training.steps():
        turn.count(step.tokens - read)
        turn.say(f"training: step {step.number} of {training.settings.steps}")
        read = step.tokens
        ends = step.number == until or is_to_stop(turn.store, turn.run)
        for number, part in enumerate(parts):
            whole = part.last == step.number
            if number != turn.number and (whole or (ends and part.first < step.number < part.last)):
                rows = _rows_of(_table(training.steps_done, live.curve), part)
                turn.store.add_unit(turn.run, number, 0, 0.0, rows.to_parquet)  # counted with the unit at work
        if ends:
            return


def _keep(live: _Live, files: HealedFiles) -> None:
    adapter, control = live.training.adapters()
    adapter.save(files.adapter)
    if control is not None:
        control.save(files.control_adapter)
    done, settings = live.training.steps_done, live.training.settings
    files.keep_training(
        {
            "steps": len(done),
            "steps_asked": settings.steps,
            "tokens": done[-1].tokens,
            "seconds": done[-1].seconds,
            "sentence": training_sentence(settings, done),
            "curve": live.curve,
        }
    )


def _table(steps: tuple[Step, ...], curve: int) -> pd.DataFrame:
    return steps_table(steps).assign(curve=curve)


def _rows_of(rows: pd.DataFrame, part: Part) -> pd.DataFrame:
    return rows[(rows["number"] > part.first) & (rows["number"] <= part.last)].reset_index(drop=True)
