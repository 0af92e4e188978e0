"""What the papers' table is to hold: models, tasks, methods, repeats."""

from __future__ import annotations

import streamlit as st

from avss_core.importance import METHODS
from avss_core.models.spec import ModelSpec
from avss_core.models.standin_package import SOURCE as STANDIN
from avss_core.studies import table1
from avss_core.studies.table1 import Table1Study
from avss_core.studies.table1_wide import model_label
from avss_core.tasks import DATA_SETS, task_named
from pages.parts.engine import store
from pages.parts.methods_choose import names_with_sites

SHARES = (0.1, 0.125, 1 / 6, 0.2, 0.25, 0.3, 0.4, 0.5)


def choose_study() -> Table1Study:
    """Draw the widgets; SettingError for what cannot be, such as no model at all."""
    left, right = st.columns(2)
    known = dict.fromkeys(["default", STANDIN, *(run.spec["model"]["source"] for run in store().runs())])
    models = left.multiselect(
        "Models",
        list(known),
        ["default", STANDIN],
        format_func=model_label,
        accept_new_options=True,
        key="table1-models",
        persist_state="session",
        help="Any hub id, folder or GGUF file may be typed. The stand-in is a small encoder (all-MiniLM-L6-v2) "
        "fine-tuned here on one half of sample:sentiment, since the papers' DistilBERT is not at hand.",
    )
    asked = {f"{known.task}:{known.name}": known for known in DATA_SETS}
    sample = [name for name, known in asked.items() if known.source == task_named(known.task).default_source]
    tasks = right.multiselect(
        "Tasks",
        list(asked),
        [name for name in sample if name.partition(":")[0] in table1.TASKS],
        format_func=lambda name: f"{task_named(asked[name].task).pretty_name}: {asked[name].what}",
        key="table1-tasks",
        persist_state="session",
        help="A model that cannot do a task has a row that says so.",
    )
    methods = st.multiselect(
        "Blocks chosen by",
        names_with_sites(METHODS),
        list(table1.METHODS),
        key="table1-methods",
        persist_state="session",
    )
    repeats, share, sample_tokens, held_out_tokens = st.columns(4)
    return Table1Study(
        tuple(ModelSpec(name) for name in models),
        tuple(tasks),
        tuple(methods),
        int(
            repeats.number_input(
                "Samples to rank on",
                2,
                20,
                table1.REPEATS,
                key="table1-repeats",
                persist_state="session",
                help=_SAMPLES,
            )
        ),
        share.select_slider(
            "Share of blocks removed",
            SHARES,
            table1.FRACTION,
            format_func=lambda p: f"{p:.1%}",
            key="table1-share",
            persist_state="session",
        ),
        sample_tokens.select_slider(
            "Tokens of each sample",
            (200, 500, 1000, 2000, 4000),
            table1.CALIBRATION_TOKENS,
            key="table1-tokens",
            persist_state="session",
        ),
        held_out_tokens.select_slider(
            "Held-out tokens",
            (500, 1000, 2000, 4000, 8000),
            table1.HELD_OUT_TOKENS,
            key="table1-held-out",
            persist_state="session",
        ),
    )


_SAMPLES = (
    "Each sample is another part of the documents that are profiled, no document in two of them. A cell is the mean "
    "over samples with its 95 % t interval; the papers repeat at least 5 times."
)
