"""The parts below a cut: recipe and folder, gain, texts. Drawn from a store with finished runs, with no worker."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import EvaluateRequest, ProfileRequest
from avss_core.jobs.export_results import export_request
from avss_core.jobs.requests import GainRequest, GenerateRequest, Request
from avss_core.models.spec import ModelSpec
from avss_core.pruning.gain_table import gain_table
from avss_core.pruning.generation import Generated, Sampling, SideBySide
from avss_core.runs import Store

ROOT = Path(__file__).parents[2]
FACTS = {
    "blocks": 4,
    "block_parameters": [10, 10, 10, 10],
    "parameters": 100,
    "architecture": "LlamaForCausalLM",
    "dtype": "float32",
    "device": "cpu",
    "predicts_next_token": True,
}
MODEL, TEXT, CUT = ModelSpec("owner/name"), CorpusSpec("sample:essays", part="evaluate"), (1, 2)

SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from avss_core.corpora.spec import CorpusSpec
from avss_core.jobs import EvaluateRequest, ProfileRequest
from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut
from pages.parts.engine import store
from pages.parts.generate_beside import draw_generate
from pages.parts.measured_gain import draw_gain
from pages.parts.take_home import draw_take_home
model, text = ModelSpec("owner/name"), CorpusSpec("sample:essays", part="evaluate")
cut = Cut({cut!r}, 4, "lowest AVSS")
{draw}
"""
TAKE_HOME = 'draw_take_home(EvaluateRequest(model, text, "perplexity", ((),)), cut)'
GAIN = "draw_gain(model, text, cut)"
GENERATE = 'draw_generate(model, text, cut, store().runs("profile")[0])'


def shown(draw: str, cut: tuple[int, ...] = CUT) -> AppTest:
    return AppTest.from_string(SCRIPT.format(root=str(ROOT), draw=draw, cut=cut), default_timeout=60)


def finish(store: Store, request: Request, frame: pd.DataFrame | None = None, **facts: object) -> str:
    """Enter a finished run, with the frame as its only unit; gives its id."""
    run = store.start_run(request.run_id(), request.kind, request.to_dict())
    assert run is not None
    if frame is not None:
        store.add_unit(run.id, 0, 0, 0.1, frame.to_parquet)
    store.add_facts(run.id, run.attempt, **FACTS | facts)
    store.update_run(run.id, run.attempt, n_units=1)
    store.end_run(run.id, run.attempt, "done")
    return run.id


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest leaves its script as `__main__`, which a worker process that is started later would run again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with a finished profile, and no worker that could be asked for anything."""
    st.cache_resource.clear()  # the store and the workers of the test before
    made = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", made.url)

    def no_worker(*_: object, **__: object) -> None:
        raise AssertionError("a page that only reads must not start workers")

    monkeypatch.setattr("avss_core.jobs.client.start_apart", no_worker)
    finish(made, ProfileRequest(MODEL, CorpusSpec()), chat_template=True)
    return made


def texts_of(app: AppTest) -> str:
    """All that is written on the page outside of widgets."""
    return "\n".join(element.value for kind in ("markdown", "caption", "text", "success") for element in app.get(kind))


def test_the_recipe_is_there_without_a_job(store: Store) -> None:
    app = shown(TAKE_HOME).run()
    assert not app.exception
    recipe, program = [code.value for code in app.code]
    assert "layer_range: [0, 1]" in recipe
    assert "layer_range: [3, 4]" in recipe
    assert "dtype: float32" in recipe
    assert 'source = "owner/name"' in program
    assert "kept = [0, 3]" in program
    assert "apply_chat_template" in program, "facts say that the model has one"
    assert app.button(key="make-folder")
    assert "no figures yet" in texts_of(app)


def test_the_recipe_names_the_lists_that_mergekit_leaves(store: Store) -> None:
    warning = "# mergekit leaves layer_types as in the original, and may stop"
    assert warning not in shown(TAKE_HOME).run().code[0].value
    finish(store, ProfileRequest(MODEL, CorpusSpec(), ("update",)), per_block_settings=["layer_types"])
    app = shown(TAKE_HOME).run()
    assert not app.exception
    assert warning in app.code[0].value


def test_of_a_healed_cut_the_recipe_is_the_cut_alone(store: Store) -> None:
    app = shown(TAKE_HOME.replace(", cut)", ', cut, healing="abc")')).run()
    assert not app.exception
    assert "the figures of its healing" in texts_of(app)
    assert texts_of(app).count("This is the cut alone") == 2


def test_a_finished_export_is_offered_with_what_was_verified(store: Store) -> None:
    evaluate = EvaluateRequest(MODEL, TEXT, "perplexity", ((), CUT))
    examples = pd.DataFrame({"document": [0, 1], "nll": [2.0, 4.0], "tokens": [2, 3]})
    run = finish(store, evaluate)
    for cut in evaluate.cuts:
        store.add_evaluation(evaluate.evaluation_key(cut), run, (0, 3), {}, examples)
    assert "the figures of 1 evaluation." in texts_of(shown(TAKE_HOME).run())

    request = export_request(store, evaluate, CUT, "lowest AVSS")
    inside = f"{request.run_id()}/name-2-of-4-blocks"
    check = {"tensors": 12, "tokens": 9, "max_difference": 0.0, "greedy": " grey."}
    row = {"folder": inside, "zip": f"{inside}.zip", "host": "here", "files": "{}", "check": json.dumps(check)}
    finish(store, request, pd.DataFrame([row]))
    store.path_of(inside).mkdir()
    store.path_of(f"{inside}.zip").write_bytes(b"0" * 3_000_000)
    app = shown(TAKE_HOME).run()
    assert not app.exception
    assert "equal to the last bit, and so is the text that it writes greedily" in app.success[0].value
    assert "“grey.”" in texts_of(app)
    (zip_button,) = [button for button in app.get("download_button") if "zip" in button.proto.label]
    assert zip_button.proto.label == "Download name-2-of-4-blocks.zip (3 MB)"
    assert str(store.path_of(inside)) in app.code[0].value
    assert "make-folder" not in [button.key for button in app.button]


@pytest.mark.parametrize("draw", [TAKE_HOME, GAIN, GENERATE])
def test_nothing_removed_is_said(store: Store, draw: str) -> None:
    app = shown(draw, cut=()).run()
    assert not app.exception
    assert "Nothing is removed yet" in texts_of(app)
    assert not app.button


def test_gain_is_drawn_when_it_was_measured(store: Store) -> None:
    app = shown(GAIN).run()
    assert not app.exception
    assert app.button(key="measure-gain").label == "Measure speed and memory"
    assert not app.get("plotly_chart")

    original = {"weight_bytes": [4e8], "forward_tokens_per_second": [100, 200], "seconds_per_token": [0.5, 0.4]}
    pruned = {"weight_bytes": [3e8], "forward_tokens_per_second": [150, 240], "seconds_per_token": [0.25, 0.3]}
    finish(store, GainRequest(MODEL, TEXT, CUT), gain_table(original, pruned))
    app = shown(GAIN).run()
    assert not app.exception
    assert app.button(key="measure-gain").label == "Measure again"
    assert len(app.get("plotly_chart")) == 1
    table = app.dataframe[0].value
    assert table["original"].tolist() == [400, 150, 0.45]
    assert table["unit"].tolist() == ["MB", "tokens/s", "s"]
    assert table["of the rounds"].tolist() == ["", "1.200 to 1.500", "0.500 to 0.750"]
    assert "On cpu in float32: 512 tokens a pass" in texts_of(app)


def written(which: str, text: str) -> Generated:
    return Generated(which, text, (7, 8, 9), (5,), False, 0.25, 0.75)


def test_texts_side_by_side_and_their_history(store: Store) -> None:
    app = shown(GENERATE).run()
    assert not app.exception
    assert [toggle.key for toggle in app.toggle] == ["generate-chat"]
    for prompt in ("The sea", "In winter"):
        both = SideBySide(written("original", f"{prompt} grey"), written("pruned", f"{prompt} fish"))
        frame = pd.DataFrame([{"texts": json.dumps(both.to_dict())}])
        finish(store, GenerateRequest(MODEL, TEXT, CUT, prompt, Sampling(temperature=0.5, seed=3)), frame)
    app = shown(GENERATE).run()
    assert not app.exception
    assert [text.value for text in app.text] == ["In winter", "In winter grey", "In winter fish"]
    assert "4.0 tokens/s" in texts_of(app), "two tokens after the first in half a second"
    assert "temperature 0.5, top_p 1, seed 3. The two begin with 3 equal tokens" in texts_of(app)
    (history,) = app.selectbox
    assert history.options == ["In winter", "The sea"]
    history.select_index(1).run()
    assert [text.value for text in app.text] == ["The sea", "The sea grey", "The sea fish"]


def test_an_empty_prompt_is_told_in_a_box(store: Store) -> None:
    app = shown(GENERATE).run()
    app.text_area[0].input("  ")
    app.button[0].click().run()
    assert not app.exception
    assert "The prompt is empty" in app.error[0].value


def test_a_model_that_writes_nothing_says_so(store: Store) -> None:
    finish(store, ProfileRequest(MODEL, TEXT), predicts_next_token=False)
    app = shown(GENERATE).run()
    assert not app.exception
    assert "does not predict the next token" in texts_of(app)
    assert not app.text_area


def test_a_prompt_goes_to_the_worker_and_comes_back(
    store: Store, workers: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVSS_SCHEDULER", workers)
    app = shown(GENERATE.replace("model,", f"ModelSpec({str(tiny_model)!r}),", 1), cut=(1,)).run()
    app.text_area[0].input("The tide")
    app.slider(key="generate-new").set_value(8)
    app.button[0].click().run()
    until = time.monotonic() + 60
    while len(app.text) < 3 and time.monotonic() < until:
        assert not app.exception
        assert not app.error
        time.sleep(0.2)
        app.run()
    (run,) = store.runs("generate")
    assert (run.status, run.spec["prompt"], run.spec["removed"]) == ("done", "The tide", [1])
    assert app.text[0].value == "The tide"
    assert texts_of(app).count("· 8 tokens") == 2
    sys.modules["pages.parts.engine"].jobs().close()


PROGRAM = """
import sys
from pages.parts import generate_beside, job_of_request, measured_gain, take_home
from avss_core.commands import export_cut, gain, generate
heavy = [name for name in ("torch", "transformers", "peft") if name in sys.modules]
assert not heavy, heavy
"""


def test_the_parts_need_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
