"""The units of a healing, done here one after another: what is kept, what is never mixed, what stays as it was."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from in_this_process import work_unit
from random_models import build
from tiny_model import save_tiny_model, write_documents

from avss_core.corpora import CorpusSpec
from avss_core.corpora.batches import make_batches
from avss_core.errors import Cancelled, CutError, ModelError, RunError, SettingError
from avss_core.jobs import HealRequest
from avss_core.jobs.heal_results import heal_result, healed_files, losses_so_far, trials_of
from avss_core.jobs.heal_stop import stop_training
from avss_core.jobs.requests.heal import tokens_to_read
from avss_core.jobs.resident import beside, resident_model, windows_for
from avss_core.jobs.works.heal import HealWork
from avss_core.jobs.works.healers import healed_in
from avss_core.models import ModelSpec
from avss_core.models.load import wrap
from avss_core.pruning import Cut
from avss_core.pruning.healing import LinearSettings, TrainingSettings
from avss_core.pruning.healing.evaluate import score_network
from avss_core.pruning.healing.from_files import network_from_files
from avss_core.pruning.healing.linear_map import LinearHealing, LinearMap
from avss_core.pruning.healing.stretches import stretches_of
from avss_core.pruning.healing.train import Training
from avss_core.runs import Run, Store
from avss_core.tasks.perplexity_table import summarise
from avss_core.variants.variant import Variant

CUT = Variant.without(4, [1, 2])
TRAINING = TrainingSettings(steps=7, sequences=2, rank=4, learning_rate=1e-2)


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> HealRequest:
    folder = tmp_path_factory.mktemp("heal")
    model = ModelSpec(str(save_tiny_model(folder / "model", blocks=4)), dtype="float32", device="cpu")
    text = CorpusSpec(str(write_documents(folder / "text.jsonl", documents=24, characters=80)), length=48)
    return HealRequest(model, text, text.of_part("evaluate"), (2, 1), None, TRAINING)


@dataclass
class Doing:
    """Does units as the driver would, and remembers what was said."""

    store: Store
    request: HealRequest
    said: list[str] = field(default_factory=list)
    on_say: Callable[[str], None] = lambda stage: None

    def start(self) -> Run:
        run = self.store.start_run(self.request.run_id(), self.request.kind, self.request.to_dict())
        assert run is not None
        return run

    def unit(self, number: int) -> None:
        def say(stage: str) -> None:
            self.said.append(stage)
            self.on_say(stage)

        work_unit(self.store, self.request, number, say)

    def all(self, first: int = 0) -> None:
        for number in range(first, len(self.request.parts())):
            self.unit(number)

    def end(self) -> None:
        run = self.store.run(self.request.run_id())
        self.store.add_facts(run.id, run.attempt, blocks=4)
        self.store.end_run(run.id, run.attempt, "done")


@pytest.fixture
def doing(tmp_path: Path, request_: HealRequest) -> Doing:
    beside(request_.model).clear()
    done = Doing(Store(str(tmp_path / "runs.db")), request_)
    done.start()
    return done


def trained_here(request: HealRequest) -> Training:
    training = Training(resident_model(request.model), CUT, windows_for(request.model, request.corpus), TRAINING)
    list(training.steps())
    return training


def losses_of(training: Training) -> list[float]:
    return [step.pruned.total for step in training.steps_done]


def test_a_healing_is_what_training_here_gives_and_the_model_stays_as_it_was(doing: Doing) -> None:
    model = resident_model(doing.request.model)
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    modules = [type(module) for module in model.network.modules()]
    assert [part.what for part in doing.request.parts()] == ["train"] * 4 + ["evaluate"]
    doing.all()
    doing.end()

    assert resident_model(doing.request.model) is model
    now = model.network.state_dict()
    assert now.keys() == before.keys()
    assert all(torch.equal(now[name], before[name]) for name in before)
    assert [type(module) for module in model.network.modules()] == modules
    assert beside(doing.request.model) == {}, "nothing of the training is left in memory"

    training = trained_here(doing.request)
    result = heal_result(doing.store, doing.request.run_id())
    assert result.losses["number"].tolist() == list(range(1, 8))
    assert result.losses["pruned_total"].tolist() == pytest.approx(losses_of(training), rel=1e-5)
    trained = training.result()
    batches = make_batches(windows_for(doing.request.model, doing.request.evaluate), 0)
    for name, network in (("trained", trained.network), ("control", trained.control), ("unpruned", model.network)):
        assert network is not None
        expected = summarise(score_network(model, network, batches)).value
        assert result.evaluations[name].value == pytest.approx(expected, rel=1e-4)
    assert list(result.evaluations) == ["unpruned", "pruned", "trained", "control"]
    assert result.evaluations["trained"].value < result.evaluations["pruned"].value
    apart = result.apart["trained"]
    assert apart.ratio == pytest.approx(result.evaluations["trained"].value / result.evaluations["control"].value)
    assert apart.low <= apart.ratio <= apart.high
    assert result.training is not None
    assert (result.training["steps"], result.training["steps_asked"]) == (7, 7)
    told = result.to_dict()
    assert (told["removed"], told["kept"], told["maps"]) == ([1, 2], [0, 3], None)
    assert told["apart"]["trained"]["beside"] == "control"
    assert len(told["losses"]) == 7
    assert result.table()["network"].tolist()[-1] == "unpruned + same training"

    ids = torch.arange(3, 40)[None]
    files = healed_files(doing.store, doing.request.run_id())
    again = network_from_files(model, CUT, files, trained=True)
    torch.testing.assert_close(again(ids).logits, trained.network(ids).logits, rtol=1e-5, atol=1e-5)


def test_training_that_was_lost_begins_again_and_draws_one_curve(doing: Doing) -> None:
    for number in (0, 1):
        doing.unit(number)
    first = losses_so_far(doing.store, doing.request.run_id())
    assert first["number"].tolist() == [1, 2, 3, 4]
    beside(doing.request.model).clear()  # the worker died
    seen: list[list[int]] = []

    def look(stage: str) -> None:
        rows = losses_so_far(doing.store, doing.request.run_id())
        if "step" in stage and rows["curve"].iloc[0] != first["curve"].iloc[0]:
            seen.append(rows["number"].tolist())

    doing.on_say = look
    doing.unit(2)
    doing.on_say = lambda stage: None
    assert any("training again from its first step" in stage for stage in doing.said)
    assert seen[0] == [1, 2], "as soon as the new curve has a point the old one is gone"
    whole = losses_so_far(doing.store, doing.request.run_id())
    assert whole["number"].tolist() == list(range(1, 8)), "it did not stop at its own unit"
    assert whole["curve"].nunique() == 1
    doing.said.clear()
    doing.all(first=3)
    doing.end()
    assert not any("step" in stage for stage in doing.said), "the units after it had nothing left to train"
    result = heal_result(doing.store, doing.request.run_id())
    assert result.losses["number"].tolist() == list(range(1, 8))
    assert result.losses["pruned_total"].tolist() == pytest.approx(losses_of(trained_here(doing.request)), rel=1e-5)


def test_two_healings_that_take_turns_both_end_and_are_not_mixed(doing: Doing) -> None:
    other = Doing(doing.store, replace(doing.request, training=replace(TRAINING, seed=5)))
    other.start()
    for number in range(len(doing.request.parts())):
        doing.unit(number)
        other.unit(number)
    steps = [sum(": step" in stage for stage in each.said) for each in (doing, other)]
    assert max(steps) <= 2 + 7, "each began again once at most"
    for each in (doing, other):
        each.end()
        losses = heal_result(each.store, each.request.run_id()).losses
        assert losses["number"].tolist() == list(range(1, 8))
        settings = each.request.training
        windows = windows_for(each.request.model, each.request.corpus)
        training = Training(resident_model(each.request.model), CUT, windows, settings)
        list(training.steps())
        assert losses["pruned_total"].tolist() == pytest.approx(losses_of(training), rel=1e-5)


def test_cancelled_between_steps_keeps_the_rows_and_lets_the_memory_go(doing: Doing) -> None:
    doing.unit(0)

    def cancel(stage: str) -> None:
        if "step 3" in stage:
            raise Cancelled("enough")

    doing.on_say = cancel
    with pytest.raises(Cancelled):
        doing.unit(1)
    assert losses_so_far(doing.store, doing.request.run_id())["number"].tolist() == [1, 2]
    assert beside(doing.request.model) == {}
    assert healed_files(doing.store, doing.request.run_id()).about_training() is None


def test_a_cancel_between_two_units_lets_the_memory_of_that_run_go_and_no_other(doing: Doing) -> None:
    other = Doing(doing.store, replace(doing.request, training=replace(TRAINING, seed=5)))
    other.start()

    def cancel(stage: str) -> None:
        raise Cancelled("enough")

    doing.unit(0)
    other.on_say = doing.on_say = cancel
    with pytest.raises(Cancelled):
        other.unit(0)
    assert set(beside(doing.request.model)) == {"training"}, "that of the healing that goes on"
    with pytest.raises(Cancelled):
        doing.unit(1)
    assert beside(doing.request.model) == {}


def test_a_training_under_way_does_not_keep_its_model_in_memory_beside_another(doing: Doing, tmp_path: Path) -> None:
    doing.unit(0)
    weights = weakref.ref(resident_model(doing.request.model).network.get_input_embeddings().weight)
    resident_model(ModelSpec(str(save_tiny_model(tmp_path / "other")), dtype="float32", device="cpu"))
    gc.collect()
    assert weights() is None


def test_stopped_training_is_evaluated_as_far_as_it_came(doing: Doing) -> None:
    def stop(stage: str) -> None:
        if "step 3" in stage:
            stop_training(doing.store, doing.request.run_id())

    doing.on_say = stop
    doing.all()
    doing.end()
    result = heal_result(doing.store, doing.request.run_id())
    assert result.losses["number"].tolist() == [1, 2, 3]
    assert result.training is not None
    assert (result.training["steps"], result.training["steps_asked"]) == (3, 7)
    assert "for 3 steps" in result.training["sentence"]
    assert result.evaluations["trained"].value < result.evaluations["pruned"].value


@pytest.mark.parametrize("last", [1, 3])
def test_taken_up_again_and_stopped_what_is_judged_is_what_the_curve_shows(doing: Doing, last: int) -> None:
    """Cancelled after units that are whole, and then stopped in one that is not."""
    for number in (0, 1):
        doing.unit(number)
    beside(doing.request.model).clear()  # as after a cancel

    def stop(stage: str) -> None:
        if f"step {last} " in stage:
            stop_training(doing.store, doing.request.run_id())

    doing.said.clear()
    doing.on_say = stop
    doing.all(first=2)
    doing.end()
    assert sum("from its first step" in stage for stage in doing.said) == 1
    assert sum(": step" in stage for stage in doing.said) == last, "the units after it made no step"
    result = heal_result(doing.store, doing.request.run_id())
    assert result.losses["number"].tolist() == list(range(1, last + 1))
    assert result.training is not None
    assert (result.training["steps"], result.training["curve"]) == (last, result.losses["curve"].max())


def test_maps_that_do_not_help_are_not_offered(doing: Doing) -> None:
    """Documents of random letters and a random model: there is nothing that a map could learn from 400 tokens."""
    maps = Doing(doing.store, replace(doing.request, training=None, linear=LinearSettings((1e-6,), tokens=400)))
    run = maps.start()
    maps.all()
    maps.end()
    result = heal_result(maps.store, run.id)
    assert list(result.evaluations) == ["unpruned", "pruned"]
    assert result.maps is not None
    assert (result.maps["helps"], result.maps["healed"], result.training) == (False, [], None)
    assert result.trials["chosen"].tolist() == [True, False]
    assert trials_of(maps.store, run.id)["shrinkage"].isna().tolist() == [True, False]
    assert result.maps["fitted_tokens"] + result.maps["held_out_tokens"] <= 400 + 48
    assert not result.maps_help
    with pytest.raises(RunError, match="No map helped this cut"):
        healed_in(maps.store, run.id, resident_model(maps.request.model), Cut((1, 2), 4, "by hand"))


def test_maps_that_help_only_where_they_were_chosen_are_not_offered(doing: Doing) -> None:
    """In the place of the fitted map one that makes the model sure of a token that no text holds."""
    maps = Doing(doing.store, replace(doing.request, training=None, linear=LinearSettings((1e-6,), tokens=400)))
    run = maps.start()
    maps.unit(0)
    (stretch,) = stretches_of(CUT)
    padding = resident_model(maps.request.model).network.lm_head.weight[0].detach().numpy()
    flattered = (LinearMap(stretch, "state", "", np.zeros((32, 32), np.float32), 1000 * padding, 1.0),)
    laid = LinearHealing(CUT, LinearSettings(), flattered, (), None, None, 1, 1, 0.1)
    healed_files(maps.store, run.id).keep_maps(laid)
    maps.unit(1)
    maps.end()
    result = heal_result(maps.store, run.id)
    assert result.maps is not None
    assert result.maps["helps"]
    assert result.evaluations["maps"].value > result.evaluations["pruned"].value
    assert not result.maps_help
    assert not result.to_dict()["maps"]["offered"]
    with pytest.raises(RunError, match="no better on held-out text, so they are not offered"):
        healed_in(maps.store, run.id, resident_model(maps.request.model), Cut((1, 2), 4, "by hand"))


def test_requests_there_and_back(request_: HealRequest) -> None:
    again = HealRequest.from_dict(request_.to_dict())
    assert (again, again.run_id()) == (request_, request_.run_id())
    assert request_.removed == (1, 2)
    others = [
        replace(request_, removed=(1,)),
        replace(request_, linear=LinearSettings()),
        replace(request_, training=replace(TRAINING, steps=8)),
        replace(request_, evaluate=request_.corpus),
    ]
    assert len({each.run_id() for each in (request_, *others)}) == 5
    assert HealRequest.from_dict(others[1].to_dict()) == others[1]
    many = replace(request_, training=replace(TRAINING, steps=1001)).parts()
    assert len(many) <= 101 + 1
    assert [part.first for part in many[1:-1]] == [part.last for part in many[:-2]]
    assert many[-2].last == 1001


def test_bad_requests(request_: HealRequest, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="nothing to heal"):
        replace(request_, removed=())
    with pytest.raises(SettingError, match="Neither maps nor training"):
        replace(request_, training=None)
    model = resident_model(request_.model)
    with pytest.raises(CutError, match="no block 9"):
        HealWork().check(replace(request_, removed=(9,)), model)
    encoder = wrap(build("bert"), tokenizer=None)
    with pytest.raises(ModelError, match="does not predict the next token"):
        HealWork().check(request_, encoder)


def test_as_much_text_is_read_as_training_and_maps_can_use() -> None:
    assert tokens_to_read(LinearSettings(tokens=400), None, 256) == 65_536
    assert tokens_to_read(LinearSettings(tokens=20_000), TRAINING, 256) == 160_000
    assert tokens_to_read(None, TrainingSettings(steps=1000), 256) == 1000 * 4 * 256
    assert tokens_to_read(LinearSettings(tokens=None), TRAINING, 256) is None
