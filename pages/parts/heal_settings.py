"""What is to be healed, and how: the cut of the Prune page or blocks typed by hand; maps, training, or both."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from avss_core.commands.blocks import parse_blocks
from avss_core.jobs import HealRequest
from avss_core.jobs.requests.heal import tokens_to_read
from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut
from avss_core.pruning.healing import MAP_TOKENS, OBJECTIVES, TEACHERS, LinearSettings, TrainingSettings
from avss_core.pruning.healing.stretches import blocks_as_text
from avss_core.runs import Run
from pages.parts.choose_text import calibration, choose_held_out_text
from pages.parts.picked_cut import known_cut, remembered_cut

BLOCKS = "heal-blocks"
_SEEN = "heal-cut-seen"
_TYPED = "typed by hand"
ONLY_THIS_TEXT = (
    " Healing is judged on the text it learns from, another part of it; the healed cut on any text or task, below."
)
_TEACHER_WORDS = {"original": "the unpruned model as it was", "control": "the unpruned model as it is being trained"}


def choose_cut_to_heal(run: Run) -> Cut | None:
    """Draw the field of blocks, filled from the Prune page when its cut is a new one; None while it is empty.

    Raises SettingError or CutError for what is no cut of this model.
    """
    model = ModelSpec.from_dict(run.spec["model"]).identity()
    handed = remembered_cut(model)
    if handed is not None and handed.removed:
        seen = handed.removed, handed.reason
        if st.session_state.get(_SEEN) != seen or BLOCKS not in st.session_state:
            st.session_state[_SEEN] = seen
            st.session_state[BLOCKS] = blocks_as_text(handed.removed)
    text = st.text_input(
        "Blocks that are removed",
        key=BLOCKS,
        persist_state="session",
        placeholder="3-5, 12",
        help="0-based, such as 3,4,5 or 3-5. The cut that the Prune page shows is filled in.",
    )
    if not text.strip():
        return None
    removed = parse_blocks(text)
    known = known_cut(model, removed)
    return Cut(removed, int(run.facts["blocks"]), _TYPED if known is None else known.reason)


def choose_healing(run: Run, cut: Cut | None) -> HealRequest | None:
    """Draw the settings; None while there is nothing to heal or nothing to do. Raises SettingError for a bad one."""
    linear, training = _choose_maps(), _choose_training()
    length = int(st.session_state.get("heal-length", 256))
    corpus = choose_held_out_text(run, "heal-tokens", 8000, ONLY_THIS_TEXT)
    if corpus.part == "all":
        st.warning("This run profiled all documents, so healing is judged on text that it was also trained on.")
    if linear is None and training is None:
        st.info("Switch on maps or training.", icon=":material/healing:")
        return None
    if cut is None or not cut.removed:
        st.info("Choose a cut on the Prune page, or type blocks above.", icon=":material/content_cut:")
        return None
    text = replace(calibration(run, tokens_to_read(linear, training, length)), length=length)
    return HealRequest(ModelSpec.from_dict(run.spec["model"]), text, corpus, cut.removed, linear, training)


def _choose_maps() -> LinearSettings | None:
    on, tokens = st.columns([3, 2], vertical_alignment="bottom")
    wanted = on.toggle(
        "Linear maps, without training",
        value=True,
        key="heal-maps",
        persist_state="session",
        help="A least-squares map across each gap, shrunk towards the identity; the shrinkage is chosen on documents "
        "held out of the calibration text, and a map that does not help there is left out. Training begins from them.",
    )
    read = tokens.number_input(
        "Tokens for the maps",
        256,
        1_000_000,
        MAP_TOKENS,
        1024,
        key="heal-map-tokens",
        persist_state="session",
        disabled=not wanted,
    )
    return LinearSettings(tokens=int(read)) if wanted else None


def _choose_training() -> TrainingSettings | None:
    plain = TrainingSettings()
    wanted = st.toggle(
        "Training",
        value=True,
        key="heal-training",
        persist_state="session",
        help="LoRA adapters on the kept blocks, and the same training for the unpruned model beside it: part of what "
        "training gives is knowledge of the text.",
    )
    if not wanted:
        return None
    steps, sequences, length, objective = st.columns([2, 2, 2, 3], vertical_alignment="bottom")
    made = steps.number_input("Steps", 1, 100_000, plain.steps, 10, key="heal-steps", persist_state="session")
    at_once = sequences.number_input(
        "Windows a step", 1, 1024, plain.sequences, key="heal-sequences", persist_state="session"
    )
    long = length.number_input("Tokens a window", 2, 100_000, 256, 64, key="heal-length", persist_state="session")
    aim = objective.segmented_control(
        "Objective",
        list(OBJECTIVES),
        default=next(iter(OBJECTIVES)),
        key="heal-objective",
        wrap=True,
        persist_state="session",
        required=True,
        help="next-token: the loss of the next token. distil: that, and the distance to a teacher's predictions and to "
        "its hidden states after each gap.",
    )
    with st.expander("More about the training"):
        teacher = st.radio(
            "Teacher of distil",
            [*reversed(TEACHERS)],
            format_func=_TEACHER_WORDS.__getitem__,
            key="heal-teacher",
            persist_state="session",
            disabled=aim != "distil",
        )
        rank = st.number_input("Rank of the adapters", 1, 1024, plain.rank, key="heal-rank", persist_state="session")
        rate = st.number_input(
            "Learning rate",
            1e-6,
            1.0,
            plain.learning_rate,
            1e-4,
            format="%g",
            key="heal-rate",
            persist_state="session",
            help="The highest.",
        )
        seed = st.number_input("Seed", 0, 2**31 - 1, plain.seed, key="heal-seed", persist_state="session")
    st.caption(f"{made * at_once * long:,} tokens through both models.")
    how = {"steps": int(made), "sequences": int(at_once), "rank": int(rank), "learning_rate": float(rate)}
    return TrainingSettings.for_objective(aim or "next-token", teacher, **how, seed=int(seed))
