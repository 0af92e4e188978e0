"""Take a cut home: the recipe at once, the model itself as a checked folder and a zip."""

from __future__ import annotations

from typing import Any

import streamlit as st

from avss_core.jobs.export_results import Exported, export_request, exported_in
from avss_core.jobs.requests import EvaluateRequest, ExportRequest
from avss_core.jobs.results import facts_of_model
from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut
from avss_core.pruning.export import Snippet, cut_program, export_name, recipe, source_of
from avss_core.pruning.export.cut_program import auto_class_of, chats
from pages.parts.engine import store
from pages.parts.job_of_request import draw_request, start_request

_MEGABYTE = 1e6
_WITHOUT_HEALING = "This is the cut alone: what healing changed is in the folder, not in here."


def draw_take_home(request: EvaluateRequest, cut: Cut, healing: str | None = None, method: str = "") -> None:
    """Recipe and folder of a cut. request: names the model, and the task and text that come first in its card.

    healing: the id of a finished healing run of this cut, whose network the folder holds; recipes have the cut alone.
    method: the score that chose the blocks, with its settings and its text, for the card.
    """
    st.subheader("Take it home", anchor=False)
    if not cut.removed:
        st.caption("Nothing is removed yet, so there is nothing to take home.")
        return
    facts = facts_of_model(store(), request.model)
    as_folder, as_recipe, as_program = st.tabs(["The model", "mergekit", "Python"])
    with as_folder:
        draw_folder(export_request(store(), request, cut.removed, cut.reason, None, healing, method), facts)
    with as_recipe:
        if healing is not None:
            st.caption(_WITHOUT_HEALING)
        draw_recipe(request.model, cut, facts)
    with as_program:
        if healing is not None:
            st.caption(_WITHOUT_HEALING)
        draw_program(request.model, cut, facts)


def draw_folder(asked: ExportRequest, facts: dict[str, Any]) -> None:
    """The button that writes the folder, its progress, and the zip."""
    found = exported_in(store(), asked)
    if found is None:
        st.caption(
            "A folder that plain transformers loads: weights, config, tokenizer, model card, example, mergekit file. "
            f"It is checked by loading it again. Its card will carry {figures_of(asked)}."
        )
        st.button(
            "Make the folder",
            key="make-folder",
            icon=":material/inventory_2:",
            on_click=start_request,
            args=(asked,),
        )
    draw_request(asked)
    if found is not None:
        draw_found(found, facts, asked.model.trust_remote_code)


def figures_of(asked: ExportRequest) -> str:
    """What the model card will say of the model, in a few words."""
    measured = len(asked.evaluations)
    figures = ["of its healing"] * (asked.healing is not None)
    figures += [f"of {measured} evaluation{'s' * (measured != 1)}"] * (measured > 0)
    figures += ["of the measured gain"] * (asked.gain is not None)
    return f"the figures {', and '.join(figures)}" if figures else "no figures yet"


def draw_found(found: Exported, facts: dict[str, Any], trust_remote_code: bool = False) -> None:
    """Where the export lies, what was verified, and its zip. trust_remote_code: whether the model came with code."""
    st.success(found.check.sentence, icon=":material/verified:")
    if found.check.greedy is not None:
        st.caption(f"It wrote, from a fixed text: “{found.check.greedy.strip()}”")
    if found.zip is not None and found.zip.is_file():
        archive = found.zip
        st.download_button(
            f"Download {archive.name} ({archive.stat().st_size / _MEGABYTE:,.0f} MB)",
            lambda: archive.open("rb"),
            archive.name,
            "application/zip",
            key="download-zip",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
    if not found.folder.is_dir():
        st.warning(f"The folder {found.folder} on {found.host} is not to be seen from here.")
    else:
        st.caption(f"It lies in the store, and goes with its run ({found.run}), on {found.host}:")
        use = Snippet(auto_class_of(facts), chats(facts), trust_remote_code)
        st.code(use.code(str(found.folder)), language="python")


def draw_recipe(model: ModelSpec, cut: Cut, facts: dict[str, Any]) -> None:
    """The same cut for mergekit."""
    source = source_of(model)
    text = recipe(source, cut.kept, facts.get("dtype", "float32"), facts.get("per_block_settings", ()))
    if text is None:
        st.caption("mergekit reads folders in the Hugging Face layout, not this model's file; make the folder instead.")
        return
    st.code(text, language="yaml")
    _offer(text, f"{export_name(source, cut)}.yml", "application/yaml", "recipe")


def draw_program(model: ModelSpec, cut: Cut, facts: dict[str, Any]) -> None:
    """The same cut in a few lines, from the original's own files."""
    text = cut_program(model, cut.kept, facts)
    if text is None:
        st.caption("This model has no files to load it from; make the folder instead.")
        return
    st.code(text, language="python")
    _offer(text, f"{export_name(source_of(model), cut)}.py", "text/x-python", "program")


def _offer(text: str, name: str, kind: str, key: str) -> None:
    st.download_button(
        name, text, name, kind, key=f"download-{key}", type="tertiary", icon=":material/download:", on_click="ignore"
    )
