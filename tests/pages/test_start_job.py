"""A job that is started again under the same run id, as a measurement is, shows its new end at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs.requests import GainRequest
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store

SCRIPT = """
import sys
sys.path.insert(0, {root!r})
import streamlit as st
from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs.requests import GainRequest
from avss_core.models.spec import ModelSpec
from pages.parts.start_job import draw_job, start_job
st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
request = GainRequest(ModelSpec("owner/name"), CorpusSpec(), (1,))
st.button("Start", key="start", on_click=start_job, args=("gain", request))
draw_job("gain")
"""


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in which the request is done already, so that no worker is asked."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    st.cache_resource.clear()
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    monkeypatch.setattr("avss_core.jobs.client.Jobs.connect", classmethod(lambda cls, store: cls(store)))
    request = GainRequest(ModelSpec("owner/name"), CorpusSpec(), (1,))
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    store.end_run(run.id, run.attempt, "done")


@pytest.mark.usefixtures("done")
def test_the_page_is_drawn_anew_at_every_end() -> None:
    app = AppTest.from_string(SCRIPT.format(root=str(Path(__file__).parents[2])), default_timeout=60).run()
    assert app.session_state["drawn"] == 1
    for times in (3, 5):  # once for the press, once for the end
        app.button(key="start").click().run()
        assert not app.exception
        assert app.session_state["drawn"] == times
