"""What the Methods page can be asked for, and what it says of the methods: nothing has to be measured for that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from methods_runs import opened, profile_into, quiet

from avss_core.corpora.spec import CorpusSpec
from avss_core.importance.settings import DEFAULT_BUDGET, RankSettings
from avss_core.models.spec import ModelSpec
from avss_core.runs import Store

ASK = """
import json
from pages.parts.methods_choose import choose_request
st.text(json.dumps(choose_request(chosen_run()).settings.to_dict()))
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page looks into a store with a profile's line."""
    store = Store(str(tmp_path / "avss.db"))
    monkeypatch.setenv("AVSS_STORE", store.url)
    profile_into(store, ModelSpec(str(tmp_path)), CorpusSpec(), blocks=4, predicts_next_token=True)


def settings_of(**keys: object) -> dict:
    shown = opened(["avss@update", "avss@mlp", "shapley"], ASK)
    for key, value in keys.items():
        shown.session_state[key.replace("_", "-")] = value
    quiet(shown.run())
    assert {"avss", "avss@update", "avss@mlp", "avss@attention", "avss_script", "sparsity@update"} <= set(
        shown.multiselect("rank-methods").options
    )
    assert "block_influence@update" not in shown.multiselect("rank-methods").options
    return json.loads(shown.text[0].value)


def test_sites_and_settings_reach_the_request() -> None:
    plain = RankSettings(("avss@update", "avss@mlp", "shapley", "ablation"))
    assert settings_of() == json.loads(json.dumps(plain.to_dict()))
    asked = {"rank_epsilon": 0.5, "rank_epsilon_relative": True, "rank_skip_first": True}
    found = settings_of(**asked, rank_budget=DEFAULT_BUDGET + 1, rank_seed=7)
    assert found["epsilon"] == {"value": 0.5, "relative": True}
    assert (found["skip_first_token"], found["budget"], found["seed"]) == (True, DEFAULT_BUDGET + 1, 7)


def test_cards_say_all_that_a_card_has() -> None:
    page = quiet(opened(["random", "avss@mlp", "avss@update", "avss_script", "gbis", "attnlrp"]).run())
    text = "\n".join(element.value for element in page.markdown)
    notes = "\n".join(element.value for element in page.caption)
    assert "]()" not in text
    assert "**Random** (No paper: the baseline" in text
    assert text.count("**AVSS** (") == 1, "one card for all its sites"
    assert "Measures: gradients." in text
    assert "Asks for: a network with a head, so that there is a loss." in text
    assert text.count("Direction: lowest is removed first.") == 6, "ablation's too"
    assert "floored at 1/N" in notes
    assert "of a classifier, of the one class that it finds most likely itself" in notes
    (patents,) = [line for line in notes.splitlines() if line.startswith("Patents: ")]
    assert "free of charge for personal and scientific purposes only" in patents
    assert "patent" not in "".join(line for line in notes.splitlines() if line.startswith("Our reading: "))
