"""Choose a model, and how to hold it."""

from __future__ import annotations

import streamlit as st

from avss_core.models.spec import DTYPES, ModelSpec
from avss_core.models.standin_package import SOURCE as STANDIN
from pages.parts.engine import store


def choose_model() -> ModelSpec:
    """Draw the widgets and return what they say."""
    known = dict.fromkeys(["default", STANDIN, *(run.spec["model"]["source"] for run in store().runs())])
    source = st.selectbox(
        "Model",
        list(known),
        key="model",
        persist_state="session",
        accept_new_options=True,
        help=f"`default` is SmolLM2-135M-Instruct, kept on this machine; `{STANDIN}` is a small encoder, fine-tuned "
        "here to tell good reviews from bad. "
        "Or type a hub id (`owner/name`), a local folder, or a GGUF file.",
    )
    device, dtype = st.columns(2)
    chosen_device = device.selectbox(
        "Device",
        ["auto", "cpu", "cuda", "mps"],
        key="device",
        persist_state="session",
        help="`auto` takes a GPU where there is one.",
    )
    chosen_dtype = dtype.selectbox(
        "Number type",
        DTYPES,
        key="dtype",
        persist_state="session",
        help="`auto` is bfloat16 where the processor is fast at it, else float32.",
    )
    with st.expander("More about the model"):
        revision = (
            st.text_input("Revision (hub models)", key="revision", persist_state="session", placeholder="main") or None
        )
        pickle = st.checkbox("Load pickle weights (they can run any code)", key="pickle")
        remote = st.checkbox("Run code that comes with the model", key="remote-code")
    return ModelSpec(source or "default", revision, chosen_dtype, chosen_device, pickle, remote)
