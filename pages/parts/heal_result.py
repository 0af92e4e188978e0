"""What a healing gave back, beside the unpruned model that was given the same; and what can be taken home of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from avss_core.errors import AvssError
from avss_core.figures.healing import AIM, apart_chart, healed_bars
from avss_core.jobs import HealRequest
from avss_core.jobs.heal_results import HealResult, finished_healings, heal_result, healed_files
from avss_core.pruning import Cut
from avss_core.pruning.healing.stretches import blocks_as_text
from avss_core.readable import from_to
from avss_core.runs import Run
from pages.parts.engine import store
from pages.parts.heal_live import draw_losses
from pages.parts.heal_views import draw_views
from pages.parts.job_of_request import start_request
from pages.parts.judged_text import share_documents
from pages.parts.show import show_figure

_MOST_LISTED = 20


def _result(run: Run) -> HealResult:
    # Deleted and made again, a run has its old id and its first attempt again, but not the time.
    return _result_of(run.id, run.created)


@st.cache_data(show_spinner=False, max_entries=64)
def _result_of(run_id: str, created: float) -> HealResult:
    del created
    return heal_result(store(), run_id)


def draw_result(run: Run, profile: Run, cut: Cut) -> None:
    """Everything about one finished healing of a cut. profile: the run of the same model that the page is about."""
    result = _result(run)
    draw_verdict(run, result)
    table, asked = result.table(), result.request
    text = "text that the healing has read" if share_documents(asked.corpus, asked.evaluate) else "held-out text"
    bars, ratios = st.columns([3, 2])
    with bars:
        show_figure(healed_bars(table, text=text), table, "healed-perplexity")
    with ratios:
        show_figure(apart_chart(table), table, "healed-apart")
    for sentence in result.sentences():
        st.caption(sentence)
    if result.training is not None:
        draw_losses(result.losses, result.training["steps_asked"])
    if len(result.trials):
        with st.expander("Shrinkages that were tried"):
            st.caption(
                "On documents held out of the calibration text. No shrinkage: the gap left as it is. error: squared "
                "distance to the unpruned model's state, 1 is that of the gap."
            )
            st.dataframe(result.trials, hide_index=True)
    draw_downloads(run, result)
    draw_views(profile, run, result, cut)


def draw_verdict(run: Run, result: HealResult) -> None:
    """How near it came, with what budget; a map that does not help is said to be not offered."""
    if result.maps is not None and not result.maps["helps"]:
        st.info(
            "No linear map is offered: on the calibration documents held out to judge, this cut was no better with "
            "maps.",
            icon=":material/block:",
        )
    elif result.maps is not None and not result.maps_help:
        st.info(
            "The linear maps alone are not offered: they helped where they were chosen, not on the held-out text.",
            icon=":material/block:",
        )
    healed = "trained" if "trained" in result.apart else "maps" if "maps" in result.apart else None
    if healed is None:
        return
    apart, beside = result.apart[healed], result.beside(healed)
    budget = f"{run.seconds or 0:,.0f} s in all"
    if result.training is not None:
        budget = f"{result.training['steps']} steps, {result.training['tokens']:,} tokens, {budget}"
    same = "given the same training" if beside == "control" else "as it is"
    ends = from_to(apart.low, apart.high, ".2f")
    told = (
        f"**{apart.ratio:.2f} × apart** from the unpruned model {same} (95 %: {ends}); "
        f"the cut alone is {result.apart['pruned'].ratio:.2f} ×. Budget: {budget}. 90 % kept would be {AIM:.2f} ×"
    )
    if apart.ratio <= AIM:
        st.success(f"{told}: reached.", icon=":material/healing:")
    else:
        st.warning(f"{told}: not reached.", icon=":material/healing:")
    if result.training is not None and result.training["steps"] < result.training["steps_asked"]:
        made, asked = result.training["steps"], result.training["steps_asked"]
        st.caption(f"Training was stopped after {made} of {asked} steps.")
        st.button(
            f"Train again, all {asked} steps",
            key="heal-again",
            icon=":material/replay:",
            on_click=_again,
            args=(run.id,),
        )


def draw_downloads(run: Run, result: HealResult) -> None:
    """Maps, adapters and loss data as files; with adapters also the maps that they were trained on, help or not."""
    files = healed_files(store(), run.id)
    with st.container(horizontal=True, gap="small"):
        if result.maps_help or result.adapters_need_maps:
            label = "Maps that the adapters need (.npz)" if result.adapters_need_maps else "Maps (.npz)"
            _offer(label, files.maps.read_bytes, f"maps-{run.id}.npz", "application/octet-stream")
        if result.training is not None:
            _offer("Adapters (peft, .zip)", lambda: zipped(files.adapter), f"adapter-{run.id}.zip", "application/zip")
            rows = result.losses
            _offer("Loss data (CSV)", lambda: rows.to_csv(index=False), f"losses-{run.id}.csv", "text/csv")


def draw_history(model: str) -> None:
    """All healings of a model in one table, so that budgets can be compared. model: the identity of its spec."""
    runs = finished_healings(store(), model)[:_MOST_LISTED]
    if len(runs) > 1:
        with st.expander(f"All healings of this model ({len(runs)})"):
            st.dataframe(history([(run, found) for run in runs if (found := _result_or_warning(run))]), hide_index=True)


def _result_or_warning(run: Run) -> HealResult | None:
    try:
        return _result(run)
    except AvssError as error:
        st.warning(f"A healing is left out: {error}")
        return None


def history(healings: list[tuple[Run, HealResult]]) -> pd.DataFrame:
    """One row a healing: the cut, what was done, and how far apart it ended."""
    rows = []
    for run, result in healings:
        training, settings = result.training, result.request.training
        healed = result.apart.get("trained", result.apart.get("maps", result.apart["pruned"]))
        rows.append(
            {
                "removed": blocks_as_text(result.request.removed),
                "maps": "" if result.maps is None else ", ".join(result.maps["healed"]) or "none helps",
                "objective": "" if settings is None else "distil" if settings.distils else "next-token",
                "steps": 0 if training is None else training["steps"],
                "tokens": 0 if training is None else training["tokens"],
                "seconds": run.seconds,
                "cut alone": result.apart["pruned"].ratio,
                "× apart": healed.ratio,
                "low": healed.low,
                "high": healed.high,
            }
        )
    return pd.DataFrame(rows)


def zipped(folder: Path) -> bytes:
    """The files of a folder as a zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return made.getvalue()


def _offer(label: str, content: str | bytes | Callable[[], str | bytes], name: str, kind: str) -> None:
    st.download_button(
        label, content, name, kind, key=f"heal-{name}", type="tertiary", icon=":material/download:", on_click="ignore"
    )


def _again(run_id: str) -> None:
    request = HealRequest.from_dict(store().run(run_id).spec)
    store().delete_run(run_id)
    start_request(request)
