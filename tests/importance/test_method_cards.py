"""What methods say of themselves, and how they are asked for: without torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from avss_core.errors import SettingError
from avss_core.importance import METHODS, Epsilon, Method, RankSettings, fitting, method_named
from avss_core.importance.method import DIRECTION, Needs
from avss_core.importance.registry import choose, fitting_facts


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_card_says_everything(method: Method) -> None:
    card = method.card()
    assert json.loads(json.dumps(card)) == card
    assert card["direction"] == DIRECTION == "lowest is removed first"
    for key in ("pretty_name", "paper", "needs", "cost", "asks", "sees", "blind_to"):
        assert card[key], key
    assert card["sees"].endswith(".")
    assert card["blind_to"].endswith(".")
    if method.name != "random":
        assert card["url"].startswith("https://")


def test_what_the_papers_leave_open_is_on_the_cards() -> None:
    for name in ("gbis", "taylor"):
        reading = method_named(name).our_reading
        assert "of a masked model, of every token at its own place" in reading
        assert "of a classifier, of the one class that it finds most likely itself" in reading
    assert "S is floored at 1/N" in method_named("avss").our_reading
    assert "script" in method_named("avss_script").paper
    assert {method.name for method in METHODS if method.licence_note} >= {"lrp", "attnlrp"}


def test_the_methods_of_the_papers_are_there_once() -> None:
    names = [method.name for method in METHODS]
    assert len(names) == len(set(names))
    wanted = {"avss", "variance", "sparsity", "block_influence", "angular", "gbis", "taylor", "cim", "magnitude"}
    assert wanted | {"ablation", "shapley", "random"} <= set(names)


def test_listing_ranking_and_agreement_need_no_torch() -> None:
    code = """
import sys
import avss_core.importance
from avss_core.importance import RankSettings, rankings_of, rank_answer
import pandas as pd
from avss_core.importance.sums import COLUMNS
import avss_core.importance.sums_parquet
rankings = rankings_of([pd.DataFrame(columns=list(COLUMNS))], RankSettings(("random",)), 5)
assert len(rank_answer(rankings)["methods"]["random"]["scores"]) == 5
sys.exit("torch" in sys.modules or "transformers" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_method_is_asked_for_by_name_and_site() -> None:
    assert choose("avss").site == "residual"
    assert choose(" avss@mlp ").name == "avss@mlp"
    assert choose("avss@residual").name == "avss"
    assert choose("shapley").method is method_named("shapley")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("avs", 'did you mean "avss"'),
        ("nothing_like_it_42", "The methods are"),
        ("ablation@mlp", "not measured at a site"),
        ("avss@heads", "no site 'heads'"),
        ("avss@", "no site"),
    ],
)
def test_wrong_names_are_answered_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        choose(text)


def test_settings_keep_order_drop_repetitions_and_come_back_from_json() -> None:
    settings = RankSettings(("taylor", "avss@update", "avss@update", "gbis"), Epsilon(0.1, relative=True), seed=3)
    assert settings.methods == ("taylor", "avss@update", "gbis")
    assert settings.sites == ("update",)
    assert settings.needs == {Needs.GRADIENTS, Needs.MOMENTS}
    assert RankSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    "wrong", [{"methods": ()}, {"budget": 0}, {"sample_tokens": 1}, {"seed": -1}, {"methods": ("avss", "nope")}]
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        RankSettings(**wrong)  # type: ignore[arg-type]


def test_what_fits_an_encoder_and_a_network_without_a_head() -> None:
    encoder = {method.name for method in fitting(predicts_next_token=False, has_head=True)}
    assert {"gbis", "taylor", "block_influence"} <= encoder
    assert not {"ablation", "cim", "shapley"} & encoder
    bare = {method.name for method in fitting(predicts_next_token=False, has_head=False)}
    assert not {"gbis", "taylor"} & bare
    assert {"avss", "magnitude"} <= bare
    assert set(fitting(predicts_next_token=True, has_head=True)) == set(METHODS)
    classifier = {method.name for method in fitting(predicts_next_token=False, has_head=True, classifies=True)}
    assert classifier - encoder == {"ablation", "cim"}
    assert "shapley" not in classifier


@pytest.mark.parametrize(
    ("architecture", "predicts", "fits", "does_not"),
    [
        ("LlamaForCausalLM", True, {"cim", "ablation", "shapley", "gbis"}, set()),
        ("DistilBertForSequenceClassification", False, {"cim", "ablation", "gbis"}, {"shapley"}),
        ("BertForMaskedLM", False, {"gbis", "lrp"}, {"cim", "ablation", "shapley"}),
        ("BertModel", False, {"avss"}, {"gbis", "cim"}),
    ],
)
def test_what_fits_is_read_off_a_runs_facts(architecture: str, predicts: bool, fits: set, does_not: set) -> None:
    facts = {"architecture": architecture, "predicts_next_token": predicts, "blocks": 4}
    names = {method.name for method in fitting_facts(facts)}
    assert fits <= names
    assert not does_not & names
