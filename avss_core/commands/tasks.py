"""`avss tasks`: what a model can be asked to do."""

from __future__ import annotations

import pandas as pd

from avss_core.commands import options as o
from avss_core.commands.answer import answer
from avss_core.tasks import TASKS


def tasks(as_json: o.Json = False) -> None:
    """The tasks that a cut can be evaluated on."""
    cards = [task.card() for task in TASKS.values()]
    shown = ["task", "scoring", "what", "default"]
    answer({"tasks": cards}, as_json, pd.DataFrame(cards)[shown])
