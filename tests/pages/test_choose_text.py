"""The text of perplexity: what the profile left out, a known text, or one that is typed or uploaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from streamlit.testing.v1 import AppTest
from tiny_model import write_documents

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import EvaluateRequest, ProfileRequest
from avss_core.models.spec import ModelSpec
from avss_core.runs import Run, Store
from pages.parts.choose_text import HELD_OUT, held_out

ROOT = Path(__file__).parents[2]
KEY = "evaluation-perplexity"
SOURCE = f"{KEY}-source"
BEGIN = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from pages.parts.engine import store
from pages.parts.trouble import told_in_a_box
if "cleared" not in st.session_state:
    st.cache_resource.clear()
    st.cache_data.clear()
    st.session_state["cleared"] = True
"""
TASK = f"""{BEGIN}
from avss_core.jobs import EvaluateRequest
from avss_core.models.spec import ModelSpec
from pages.parts.choose_task import choose_task
from pages.parts.judged_text import warn_of_judged_text
from avss_core.corpora.spec import CorpusSpec
st.session_state["corpus-chosen"] = None
with told_in_a_box():
    run = store().runs("profile")[0]
    task, st.session_state["corpus-chosen"] = choose_task(run, "evaluation")
    base = EvaluateRequest(ModelSpec.from_dict(run.spec["model"]), st.session_state["corpus-chosen"], task, ((),))
    base.evaluation_key(())
    warn_of_judged_text(base, {{"AVSS": [CorpusSpec.from_dict(run.spec["corpus"])]}})
"""
OVERVIEW = f"""{BEGIN}
from pages.parts.choose_corpus import choose_corpus
with told_in_a_box():
    st.session_state["corpus-chosen"] = choose_corpus()
"""


def profiled(store: Store, corpus: CorpusSpec, folder: Path) -> Run:
    """A run that counts as the profile of this text."""
    request = ProfileRequest(ModelSpec(str(folder)), corpus)
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    store.add_facts(run.id, run.attempt, blocks=4, tokens=100, predicts_next_token=True)
    store.end_run(run.id, run.attempt, "done")
    return store.run(run.id)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store(str(tmp_path / "runs.db"))
    monkeypatch.setenv("AVSS_STORE", made.url)
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def profile(store: Store, tmp_path: Path) -> Run:
    """Of a text in windows of 64 tokens."""
    text = write_documents(tmp_path / "text.jsonl", documents=12, characters=60)
    return profiled(store, CorpusSpec(str(text), length=64), tmp_path)


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is asked, and there is no way to it."""

    def no_way(*arguments: object, **options: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", no_way)


def shown(script: str = TASK, **state: Any) -> AppTest:
    page = AppTest.from_string(script, default_timeout=60)
    for name, value in state.items():
        page.session_state[name] = value
    page.run()
    assert not page.exception, page.exception
    return page


def typed(source: object) -> AppTest:
    return shown(**{SOURCE: str(source)})


def chosen(page: AppTest) -> CorpusSpec:
    spec = page.session_state["corpus-chosen"]
    assert isinstance(spec, CorpusSpec)
    return spec


def boxes(page: AppTest) -> list[str]:
    """All that a page has to complain of."""
    assert not page.exception, page.exception
    return [box.value for box in (*page.error, *page.warning)]


def flattered(page: AppTest) -> bool:
    return any("flattered" in warning.value for warning in page.warning)


def test_what_the_profile_left_out_is_read_at_first(profile: Run, tmp_path: Path) -> None:
    page = shown()
    assert page.selectbox(key=SOURCE).value == HELD_OUT
    by_hand = CorpusSpec(str(tmp_path / "text.jsonl"), "evaluate", length=64, max_tokens=4000)
    assert chosen(page) == held_out(profile, 4000) == by_hand
    asked = [EvaluateRequest(ModelSpec(str(tmp_path)), text, "perplexity", ((),)) for text in (chosen(page), by_hand)]
    assert asked[0].run_id() == asked[1].run_id()
    assert boxes(page) == []
    assert not page.checkbox
    page.select_slider(key="evaluation-tokens").set_value(1000).run()
    assert chosen(page) == replace(by_hand, max_tokens=1000)


def test_a_known_text_is_offered_and_its_held_out_part_is_read(profile: Run) -> None:
    page = shown()
    pile = next(option for option in page.selectbox(key=SOURCE).options if "pile-10k" in option)
    assert pile == "NeelNanda/pile-10k: The Pile: its first 10,000 documents"
    page.selectbox(key=SOURCE).set_value("NeelNanda/pile-10k").run()
    assert boxes(page) == []
    assert chosen(page) == CorpusSpec("NeelNanda/pile-10k", "evaluate", length=64, max_tokens=4000)
    page.checkbox(key=f"{KEY}-everything").set_value(True).run()
    assert chosen(page).part == "all"
    page.selectbox(key=SOURCE).set_value(HELD_OUT).run()
    assert chosen(page) == held_out(profile, 4000)


@pytest.mark.parametrize(
    ("name", "source"), [("pile", "NeelNanda/pile-10k"), ("hackernews", "timaeus/pile-hackernews")]
)
def test_a_known_text_may_be_typed_by_its_name(profile: Run, tmp_path: Path, name: str, source: str) -> None:
    assert chosen(typed(name)) == CorpusSpec(source, "evaluate", length=64, max_tokens=4000)
    (tmp_path / name).mkdir()
    write_documents(tmp_path / name / "text.jsonl", documents=4, characters=60)
    assert chosen(typed(name)).source == name, "a folder of that name comes first"


def test_a_file_is_typed_shown_and_read_by_its_column(profile: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps({"body": f"Text {number}.", "stars": number}) + "\n" for number in range(9)))
    page = typed(file)
    (told,) = page.error
    assert told.value == f'{file} has no column "text" (there are: body, stars).'
    page.selectbox(key=f"{KEY}-column-text").set_value("body").run()
    assert boxes(page) == []
    assert chosen(page) == CorpusSpec(str(file), "evaluate", column="body", length=64, max_tokens=4000)
    (first,) = page.dataframe
    assert first.value["body"].tolist() == [f"Text {number}." for number in range(5)]


def test_a_text_is_uploaded(profile: Run, store: Store) -> None:
    page = shown()
    text = "\n\n\n".join(f"This is document {number}." for number in range(12))
    page.file_uploader(key=f"{KEY}-upload").set_value(("mine.txt", text.encode(), "text/plain")).run()
    assert boxes(page) == []
    assert Path(chosen(page).source).name == "mine.txt"
    assert store.folder / "uploads" in Path(chosen(page).source).parents
    assert (chosen(page).part, chosen(page).column) == ("evaluate", "text")
    (first,) = page.dataframe
    assert first.value["text"][0] == "This is document 0."


def test_the_profiled_text_by_its_own_name_is_its_held_out_part(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text("".join(json.dumps({"body": f"Text {number}."}) + "\n" for number in range(12)))
    run = profiled(store, CorpusSpec(str(file), column="body", length=64), tmp_path)
    page = typed("own.jsonl")  # as it is called from the folder it lies in
    assert boxes(page) == []
    assert chosen(page) == held_out(run, 4000)
    page.checkbox(key=f"{KEY}-everything").set_value(True).run()
    assert chosen(page) == held_out(run, 4000).of_part("all")
    assert flattered(page)


def test_of_a_text_that_was_profiled_whole_nothing_is_held_out(store: Store, tmp_path: Path) -> None:
    run = profiled(store, CorpusSpec("sample:essays", "all"), tmp_path)
    for page in (shown(), typed("sample:essays"), typed("essays")):
        assert chosen(page) == held_out(run, 4000)
        assert chosen(page).part == "all"
        assert flattered(page)
    assert "nothing was held out" in shown().selectbox(key=SOURCE).options[0]


def test_what_is_not_there_is_told_once(profile: Run, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text('{"text": "a"}\n{"text": ')
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    for source, sentence in (
        (tmp_path / "none.txt", "no file or folder"),
        ("sample:none", 'no sample set "none"'),
        ("not a name", "no file or folder"),
        (damaged, "damaged.jsonl"),
        (empty, "empty"),
    ):
        (told,) = typed(source).error
        assert sentence in told.value


def test_without_the_hub_one_sentence_says_so_when_it_is_asked(profile: Run, no_hub: None) -> None:
    page = typed("owner/name")
    assert not page.error, "a result may be in the store, so the hub is not asked unless it is wanted"
    assert chosen(page) == CorpusSpec("owner/name", "evaluate", length=64, max_tokens=4000)
    page.text_input(key=f"{KEY}-split").set_value("test").run()
    for toggle in (f"{KEY}-preview-known", f"{KEY}-look-up"):
        page.toggle(key=toggle).set_value(True).run()
        (told,) = page.error
        assert told.value.startswith("owner/name is no file or folder here, and the hub cannot be reached")
        assert chosen(page).split == "test"
    (told,) = shown(**{SOURCE: "pile", f"{KEY}-preview-known": True}).error
    assert told.value.startswith("NeelNanda/pile-10k is no file or folder here, and the hub cannot be reached")


def test_the_overview_takes_a_known_text_by_its_name(store: Store, tmp_path: Path) -> None:
    page = shown(OVERVIEW)
    assert chosen(page) == CorpusSpec()
    assert "timaeus/pile-hackernews: The Pile: Hacker News threads" in page.selectbox(key="corpus-source").options
    assert chosen(shown(OVERVIEW, **{"corpus-source": "pile"})) == CorpusSpec("NeelNanda/pile-10k")
    assert chosen(shown(OVERVIEW, **{"corpus-source": "owner/name"})) == CorpusSpec("owner/name")
    (tmp_path / "pile").mkdir()
    assert chosen(shown(OVERVIEW, **{"corpus-source": "pile"})) == CorpusSpec("pile")


def test_the_overview_takes_an_upload_until_another_text_is_chosen(store: Store) -> None:
    page = shown(OVERVIEW)
    page.file_uploader(key="corpus-upload").set_value(("mine.txt", b"A document.", "text/plain")).run()
    assert boxes(page) == []
    assert Path(chosen(page).source).name == "mine.txt"
    page.selectbox(key="corpus-source").set_value("sample:essays").run()
    assert chosen(page) == CorpusSpec(), "the field still holds the file"


def test_the_overview_tells_in_one_sentence_that_there_is_no_hub(store: Store, no_hub: None) -> None:
    (told,) = shown(OVERVIEW, **{"corpus-source": "pile", "preview": True}).error
    assert told.value.startswith("NeelNanda/pile-10k is no file or folder here, and the hub cannot be reached")
