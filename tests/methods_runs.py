"""Rankings that the Methods page finds in its store, and the page itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window, make_windows, shard_windows
from avss_core.importance.rank_job import rank_unit
from avss_core.importance.settings import RankSettings
from avss_core.jobs import ProfileRequest, RankRequest
from avss_core.models.load import LoadedModel
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store

ROOT = Path(__file__).parents[1]
PAGE = "methods.page()"


def profile_into(store: Store, spec: ModelSpec, corpus: CorpusSpec, **facts: Any) -> ProfileRequest:
    """A profile's line alone, which is what the page looks at."""
    profile = ProfileRequest(spec, corpus)
    run = store.start_run(profile.run_id(), profile.kind, profile.to_dict(), {"tokens": 100, **facts})
    assert run is not None
    store.end_run(run.id, 1, "done")
    return profile


def rank_into(
    store: Store, spec: ModelSpec, corpus: CorpusSpec, model: LoadedModel, methods: Sequence[str]
) -> list[Window]:
    """A profile's line and the rankings of its text, as the page asks for them; gives the windows."""
    facts = {"blocks": model.n_blocks, "predicts_next_token": model.predicts_next_token}
    profile = profile_into(store, spec, corpus, **facts, architecture=type(model.network).__name__)
    text = CorpusSpec.from_dict({**profile.corpus.to_dict(), "max_tokens": 1000})  # so many tokens of the profiled part
    asked = RankRequest(profile.model, text, RankSettings(tuple(methods)))
    windows = make_windows(read_corpus(asked.corpus), model.tokenizer)
    for part in asked.parts():
        entered = store.start_run(part.run_id(), part.kind, part.to_dict())
        assert entered is not None
        for number, shard in enumerate(shard_windows(windows, 200)):
            write = rank_unit(model, shard, part.settings, lambda tokens: None)
            store.add_unit(entered.id, number, 1, 0.1, write)
        store.add_facts(entered.id, 1, blocks=model.n_blocks)
        store.end_run(entered.id, 1, "done")
    return list(windows)


def opened(methods: Sequence[str], draw: str = PAGE) -> AppTest:
    """The page with these methods chosen; draw: what the script does after the run is chosen."""
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages import methods
from pages.parts.choose_run import choose_run, chosen_run
if "opened" not in st.session_state:
    st.session_state["opened"] = True
    st.cache_resource.clear()
choose_run()
{draw}
"""
    test = AppTest.from_string(script, default_timeout=60)
    test.session_state["rank-methods"] = list(methods)
    return test


def quiet(shown: AppTest) -> AppTest:
    assert not shown.exception
    assert not shown.error
    return shown


def traces(shown: AppTest, chart: int) -> dict[str, dict[str, Any]]:
    """The named traces of one of the page's figures."""
    figure = json.loads(shown.get("plotly_chart")[chart].proto.spec)
    return {trace["name"]: trace for trace in figure["data"] if trace.get("name")}


def numbers(values: Any) -> list[float]:
    """Numbers of a plotly trace, which may be packed."""
    if isinstance(values, dict):
        return [float(value) for value in np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])]
    assert isinstance(values, list)
    return values
