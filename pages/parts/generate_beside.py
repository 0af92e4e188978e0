"""The original and the pruned model continue the same prompt, side by side."""

from __future__ import annotations

import streamlit as st

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import AvssError
from avss_core.jobs.generate_results import prompts_of, side_by_side_in
from avss_core.jobs.requests import GenerateRequest
from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut
from avss_core.pruning.generation import Generated, Sampling, SideBySide
from avss_core.runs import Run
from pages.parts.engine import store
from pages.parts.job_of_request import draw_request, start_request
from pages.parts.told_apart import told_apart

PROMPT, CHAT, LATEST, ERROR = "generate-prompt", "generate-chat", "generate-latest", "generate-error"
_FIRST_PROMPT = "The sea in winter is"
_LONGEST_LINE = 80  # characters of a prompt in the history


def start(model: ModelSpec, corpus: CorpusSpec, removed: tuple[int, ...], healing: str | None) -> None:
    """Submit what the form holds (for its callback, which sees what was typed last)."""
    state = st.session_state
    try:
        sampling = Sampling(
            int(state["generate-new"]),
            float(state["generate-temperature"]),
            float(state["generate-top-p"]),
            int(state["generate-seed"]),
            bool(state.get(CHAT, False)),
        )
        request = GenerateRequest(model, corpus, removed, state[PROMPT], sampling, healing)
    except AvssError as error:
        state[ERROR] = str(error)
        return
    state[LATEST] = request
    start_request(request)


def draw_form(model: ModelSpec, corpus: CorpusSpec, cut: Cut, chat: bool, healing: str | None) -> None:
    """Prompt, settings, button."""
    with st.form("generate-form", border=True):
        st.text_area("Prompt", _FIRST_PROMPT, key=PROMPT, persist_state="session", height=80)
        new, temperature, top_p, seed, button = st.columns([2, 2, 2, 1, 2], vertical_alignment="bottom")
        new.slider("New tokens", 8, 256, 48, 8, key="generate-new", persist_state="session")
        temperature.slider(
            "Temperature", 0.0, 2.0, 0.0, 0.1, key="generate-temperature", persist_state="session", help="0 is greedy."
        )
        top_p.slider("top_p", 0.05, 1.0, 1.0, 0.05, key="generate-top-p", persist_state="session")
        seed.number_input("Seed", 0, None, 0, key="generate-seed", persist_state="session")
        if chat:
            st.toggle("Ask through the chat template", key=CHAT, persist_state="session")
        button.form_submit_button(
            "Write", type="primary", icon=":material/edit:", on_click=start, args=(model, corpus, cut.removed, healing)
        )


def draw_text(column: st.delta_generator.DeltaGenerator, title: str, written: Generated) -> None:
    """One of the two texts, with its speed."""
    end = ", ended by itself" if written.ended else ""
    speed = f"{written.tokens_per_second:.1f} tokens/s" if len(written.tokens) > 1 else "a single token"
    column.markdown(f"**{title}**")
    column.caption(
        f"{speed} · first token after {written.first_token_seconds:.2f} s · {len(written.tokens)} tokens{end}"
    )
    column.text(written.text)


def draw_texts(request: GenerateRequest, both: SideBySide) -> None:
    """Prompt and settings, then two columns."""
    sampling = request.sampling
    how = "greedy" if sampling.greedy else f"temperature {sampling.temperature:g}, top_p {sampling.top_p:g}"
    seed = "" if sampling.greedy else f", seed {sampling.seed}"
    chat = ", through the chat template" if sampling.chat else ""
    st.caption(f"{how}{seed}{chat}. The two begin with {both.same_tokens} equal tokens. Prompt:")
    st.text(request.prompt)
    left, right = st.columns(2)
    draw_text(left, "Original", both.original)
    draw_text(right, "Pruned" if request.healing is None else "Pruned and healed", both.pruned)


def draw_generate(model: ModelSpec, corpus: CorpusSpec, cut: Cut, run: Run, healing: str | None = None) -> None:
    """The form, the progress, the texts, and what was asked of this cut before.

    corpus: names the text in the history; it is not read. run: of the model, whose facts say what it can do.
    healing: the id of a finished healing run of this cut, whose network writes in place of the plain cut.
    """
    st.subheader("What does it write?", anchor=False)
    if not run.facts.get("predicts_next_token"):
        st.caption("This model does not predict the next token, so it cannot write a text.")
        return
    if not cut.removed:
        st.caption("Nothing is removed yet, so both would write the same.")
        return
    draw_form(model, corpus, cut, bool(run.facts.get("chat_template")), healing)
    if ERROR in st.session_state:
        st.error(st.session_state.pop(ERROR), icon=":material/error:")
    latest = st.session_state.get(LATEST)
    if latest is not None and (latest.model, latest.removed, latest.healing) == (model, cut.removed, healing):
        draw_request(latest)
    asked = prompts_of(store(), model, cut.removed, healing)
    if not asked:
        return
    known = {each.run_id(): each for each in asked}
    labels = told_apart({name: each.prompt[:_LONGEST_LINE].replace("\n", " ") for name, each in known.items()})
    newest = latest.run_id() if latest is not None else ""
    chosen = st.selectbox(
        "Prompts of this cut",
        list(known),
        index=list(known).index(newest) if newest in known else 0,
        format_func=lambda name: labels[name],
        key=f"generate-shown-{len(asked)}-{newest}",  # a new text is shown at once
    )
    shown = known[chosen]
    both = side_by_side_in(store(), shown)
    if both is not None:
        draw_texts(shown, both)
