from __future__ import annotations

import dataclasses
import math
from itertools import islice

import pytest
import torch
from peft import PeftModel
from random_models import DECODERS, build
from transformers import AutoModelForCausalLM

from avss_core.corpora.batches import make_batches
from avss_core.errors import CorpusError, CutError, ModelError, NumericalError
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.healing import LinearSettings, Step, TrainingSettings, apart_of, steps_table
from avss_core.pruning.healing import train as train_module
from avss_core.pruning.healing.evaluate import score_network
from avss_core.pruning.healing.fit_linear import heal_linear
from avss_core.pruning.healing.healed import healed_network
from avss_core.pruning.healing.train import Training
from avss_core.variants import Variant
from avss_core.variants.physical import pruned_network

CUT = Variant.without(5, [1, 2])
FAST = TrainingSettings(steps=30, sequences=4, rank=8, learning_rate=2e-2, seed=3)
IDS = torch.arange(3, 30)[None]


@pytest.fixture
def llama() -> LoadedModel:
    return wrap(build("llama", blocks=5), tokenizer=None)


def few(**changes: object) -> TrainingSettings:
    return dataclasses.replace(FAST, **{"steps": 3, **changes})


def without_time(steps: tuple[Step, ...]) -> list[Step]:
    return [dataclasses.replace(step, seconds=0.0) for step in steps]


def run(model: LoadedModel, settings: TrainingSettings, windows, cut: Variant = CUT) -> list[Step]:
    training = Training(model, cut, windows, settings)
    list(training.steps())
    return without_time(training.steps_done)


def test_a_small_text_is_learned_by_heart(llama: LoadedModel, make_windows) -> None:
    windows = make_windows(4)
    training = Training(llama, CUT, windows, FAST)
    steps = list(training.steps())
    assert steps[-1].pruned.total < 0.5 * steps[0].pruned.total
    assert steps[-1].control is not None
    assert steps[0].control is not None
    assert steps[-1].control.total < 0.5 * steps[0].control.total
    trained, batches = training.result(), make_batches(windows, 0)
    assert trained.complete
    pruned = score_network(llama, pruned_network(llama, CUT.kept), batches)
    whole, control = (score_network(llama, network, batches) for network in (llama.network, trained.control))
    healed = score_network(llama, trained.network, batches)
    assert healed["nll"].sum() < 0.5 * pruned["nll"].sum()
    assert control["nll"].sum() < 0.5 * whole["nll"].sum()
    apart = apart_of(control, healed)
    tokens = healed["tokens"].sum()
    assert apart.ratio == pytest.approx(math.exp((healed["nll"].sum() - control["nll"].sum()) / tokens))
    assert apart.low <= apart.ratio <= apart.high


def test_the_first_loss_is_that_of_the_pruned_model(llama: LoadedModel, make_windows) -> None:
    """Adapters begin at 0: before the first update both networks are what they were."""
    windows = make_windows(4)
    step = next(Training(llama, CUT, windows, few()).steps())
    batches = make_batches(windows, 0)
    for network, losses in ((pruned_network(llama, CUT.kept), step.pruned), (llama.network, step.control)):
        frame = score_network(llama, network, batches)
        assert losses is not None
        assert losses.total == pytest.approx(losses.next_token, rel=1e-6)
        assert losses.total == pytest.approx(frame["nll"].sum() / frame["tokens"].sum(), rel=1e-5)
    assert step.tokens == sum(map(len, windows))


def test_pruned_and_control_get_the_same_batches(llama: LoadedModel, make_windows, monkeypatch) -> None:
    asked: list[tuple[int, list[int]]] = []
    real_ask = train_module.ask

    def ask(network, blocks, batch, predicted, taps):
        asked.append((len(blocks), batch.input_ids.tolist()))
        return real_ask(network, blocks, batch, predicted, taps)

    monkeypatch.setattr(train_module, "ask", ask)
    run(llama, few(), make_windows(9))
    control, pruned = asked[0::2], asked[1::2]
    assert [depth for depth, _ in control] == [5] * 3
    assert [depth for depth, _ in pruned] == [3] * 3
    assert [ids for _, ids in control] == [ids for _, ids in pruned]
    assert control[0][1] != control[1][1]


@pytest.mark.parametrize("changes", [{}, {"logits": 1.0, "states": 1.0}])
def test_the_same_training_for_both(llama: LoadedModel, make_windows, changes) -> None:
    """With nothing removed, the pruned model and the control must go exactly the same way."""
    for step in run(llama, few(**changes), make_windows(9), Variant.full(5)):
        assert step.control is not None
        for ours, theirs in zip(dataclasses.astuple(step.pruned), dataclasses.astuple(step.control), strict=True):
            assert ours == theirs or (math.isnan(ours) and math.isnan(theirs))


def test_a_seed_gives_the_same_run_and_leaves_the_global_one_alone(llama: LoadedModel, make_windows) -> None:
    windows = make_windows(9)
    torch.manual_seed(11)
    expected = torch.randn(3)
    torch.manual_seed(11)
    first = run(llama, few(logits=1.0, states=1.0), windows)
    assert torch.equal(torch.randn(3), expected)
    assert run(llama, few(logits=1.0, states=1.0), windows) == first
    assert run(llama, few(logits=1.0, states=1.0, seed=4), windows) != first


def test_cancelling_stops_between_steps_and_keeps_the_losses(llama: LoadedModel, make_windows, untouched) -> None:
    before, windows = untouched(llama.network), make_windows(9)
    whole_run = run(llama, few(), windows)
    training = Training(llama, CUT, windows, few())
    for step in training.steps():
        if step.number == 2:
            break
    assert without_time(training.steps_done) == whole_run[:2]
    trained = training.result()
    assert not trained.complete
    assert len(trained.steps) == 2
    assert list(training.steps()) == []
    assert training.result() is trained
    assert "2 steps" in trained.sentence
    assert torch.isfinite(trained.network(IDS).logits).all()
    before.check()


def test_training_goes_on_where_it_was_left(llama: LoadedModel, make_windows) -> None:
    windows = make_windows(9)
    training = Training(llama, CUT, windows, few())
    list(islice(training.steps(), 1))
    list(training.steps())
    assert without_time(training.steps_done) == run(llama, few(), windows)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing")
@pytest.mark.parametrize("name", DECODERS)
def test_the_original_stays_as_it_is_and_the_merged_network_is_an_ordinary_one(
    name: str, make_windows, untouched, tmp_path
) -> None:
    model = wrap(build(name, blocks=5), tokenizer=None)
    before = untouched(model.network)
    training = Training(model, CUT, make_windows(6), few(logits=1.0, states=1.0))
    list(training.steps())
    before.check()
    trained = training.result()
    before.check()

    plain = pruned_network(model, CUT.kept)
    assert [type(module) for module in trained.network.modules()] == [type(module) for module in plain.modules()]
    logits = trained.network(IDS).logits
    assert (logits - plain(IDS).logits).abs().max() > 0.05

    trained.network.save_pretrained(tmp_path / "merged")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(loaded(IDS).logits, logits, rtol=0, atol=0)

    trained.adapter.save(tmp_path / "adapter")
    adapted = PeftModel.from_pretrained(plain, str(tmp_path / "adapter"))
    torch.testing.assert_close(adapted(IDS).logits, logits, rtol=1e-3, atol=1e-3)
    before.check()


def test_the_original_stays_as_it_is_after_an_error(llama, make_windows, untouched, monkeypatch) -> None:
    before, windows = untouched(llama.network), make_windows(9)
    fine = run(llama, few(logits=1.0, states=1.0), windows)
    losses, real_objective = [], train_module.objective

    def objective(*given):
        total, parts = real_objective(*given)
        losses.append(total)
        return (total * math.inf if len(losses) == 6 else total), parts  # the pruned model's, in the third step

    monkeypatch.setattr(train_module, "objective", objective)
    training = Training(llama, CUT, windows, few(logits=1.0, states=1.0))
    with pytest.raises(NumericalError, match="lower learning rate"):
        list(training.steps())
    assert without_time(training.steps_done) == fine[:2]
    before.check()


def test_training_begins_from_the_maps(llama: LoadedModel, make_windows, untouched) -> None:
    windows = make_windows(40, written_by=llama.network)
    healing = heal_linear(llama, CUT, windows, LinearSettings((0.3, 3.0, 30.0)))
    assert healing.helps
    before = untouched(llama.network)
    first = next(Training(llama, CUT, windows, few(sequences=40), healing.maps).steps())
    frame = score_network(llama, healed_network(llama, CUT, healing.maps), make_batches(windows, 0))
    assert first.pruned.total == pytest.approx(frame["nll"].sum() / frame["tokens"].sum(), rel=1e-4)
    before.check()


def test_distillation_brings_the_pruned_model_nearer_to_its_teacher(llama: LoadedModel, make_windows) -> None:
    steps = run(llama, few(steps=30, next_token=0.0, logits=1.0, states=1.0), make_windows(4))
    assert steps[-1].pruned.logits < 0.5 * steps[0].pruned.logits
    assert steps[-1].pruned.states < 0.8 * steps[0].pruned.states
    assert all(step.control is None for step in steps)


def test_the_control_as_a_teacher_is_the_original_at_first(llama: LoadedModel, make_windows) -> None:
    windows = make_windows(9)
    by_original = run(llama, few(logits=1.0, states=1.0), windows)
    by_control = run(llama, few(logits=1.0, states=1.0, teacher="control"), windows)
    assert by_control[0].pruned == by_original[0].pruned
    assert by_control[2].pruned.logits != by_original[2].pruned.logits
    for step in by_control:
        assert step.control is not None
        assert step.control.total == pytest.approx(step.control.next_token, rel=1e-6)
        assert math.isnan(step.control.logits)


def test_without_a_control(llama: LoadedModel, make_windows) -> None:
    training = Training(llama, CUT, make_windows(6), few(control=False))
    assert all(step.control is None for step in training.steps())
    assert training.result().control is None


def test_the_loss_curve_as_a_table(llama: LoadedModel, make_windows) -> None:
    steps = run(llama, few(logits=1.0), make_windows(6))
    table = steps_table(steps)
    assert table["number"].tolist() == [1, 2, 3]
    assert table["tokens"].is_monotonic_increasing
    assert table["pruned_total"].tolist() == [step.pruned.total for step in steps]
    assert table["control_logits"].tolist() == [step.control.logits for step in steps if step.control]
    assert table["pruned_states"].isna().all()


def test_bad_requests(llama: LoadedModel, make_windows) -> None:
    with pytest.raises(ModelError, match="does not predict the next token"):
        Training(wrap(build("bert", blocks=5), tokenizer=None), CUT, make_windows(2))
    with pytest.raises(CutError, match="make the cut for this model"):
        Training(llama, Variant.without(4, [1]), make_windows(2))
    with pytest.raises(CutError, match="every block"):
        Training(llama, Variant.without(5, range(5)), make_windows(2))
    with pytest.raises(CorpusError, match="no token to predict"):
        Training(llama, CUT, make_windows(2, shortest=1, longest=1))
