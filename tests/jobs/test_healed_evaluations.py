"""A healed cut on any task: its values are those of the network that was healed in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from in_this_process import carry_out
from tiny_model import save_tiny_model, write_documents
from transformers import PreTrainedModel

from avss_core.corpora import CorpusSpec
from avss_core.errors import CutError, RunError
from avss_core.hashing import content_hash
from avss_core.jobs import EvaluateRequest, HealRequest
from avss_core.jobs.gain_results import gain_in
from avss_core.jobs.generate_results import side_by_side_in
from avss_core.jobs.heal_results import healed_files
from avss_core.jobs.lanes import LANES
from avss_core.jobs.requests import GainRequest, GenerateRequest
from avss_core.jobs.requests.base import ENGINE_VERSION
from avss_core.jobs.resident import beside, resident_model, shards_for, side_by_side, windows_for
from avss_core.jobs.results import evaluated_cuts, evaluation_of, outcome_in
from avss_core.jobs.works import heal_network
from avss_core.jobs.works.base import Turn
from avss_core.jobs.works.evaluate import EvaluateWork
from avss_core.jobs.works.heal_network import healed_model, network_of_healing
from avss_core.models import ModelSpec
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.gain_table import GainSettings
from avss_core.pruning.generation import Sampling
from avss_core.pruning.healing import LinearSettings, TrainingSettings
from avss_core.pruning.healing.linear_map import LinearHealing, LinearMap
from avss_core.pruning.healing.stretches import stretches_of
from avss_core.pruning.healing.train import Training
from avss_core.runs import Run, Store
from avss_core.tasks import PERPLEXITY, spec_of, task_named
from avss_core.tasks.run import run_task
from avss_core.variants.physical import pruned_network
from avss_core.variants.variant import Variant

REMOVED = (1, 2)
TRAINING = TrainingSettings(steps=5, sequences=2, rank=4, learning_rate=3e-2)


@pytest.fixture(scope="module")
def heal(tmp_path_factory: pytest.TempPathFactory) -> HealRequest:
    folder = tmp_path_factory.mktemp("healed")
    model = ModelSpec(str(save_tiny_model(folder / "model", blocks=4)), dtype="float32", device="cpu")
    text = CorpusSpec(str(write_documents(folder / "text.jsonl", documents=24, characters=80)), length=48)
    return HealRequest(model, text, text.of_part("evaluate"), REMOVED, None, TRAINING)


@pytest.fixture(scope="module")
def healed(heal: HealRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Run]:
    store = Store(str(tmp_path_factory.mktemp("store") / "runs.db"))
    return store, carry_out(store, heal)


@pytest.fixture(scope="module")
def in_memory(heal: HealRequest) -> LoadedModel:
    """The same training, here; its network as it stands."""
    model = resident_model(heal.model)
    training = Training(model, Variant.without(4, REMOVED), windows_for(heal.model, heal.corpus), TRAINING)
    list(training.steps())
    return wrap(training.result().network, model.tokenizer)


def examples_of(task: str, heal: HealRequest) -> CorpusSpec:
    if task == PERPLEXITY:
        return heal.evaluate
    return spec_of(task_named(task), task_named(task).default_source, max_examples=6)


@pytest.mark.parametrize("task", ["sentiment", "closed_book", PERPLEXITY])
def test_the_values_are_those_of_the_network_in_memory(
    healed: tuple[Store, Run], heal: HealRequest, in_memory: LoadedModel, task: str
) -> None:
    store, run = healed
    plain = EvaluateRequest(heal.model, examples_of(task, heal), task, ((), REMOVED))
    asked = replace(plain, healing=run.id)
    carry_out(store, plain)
    carry_out(store, asked)

    shards = shards_for(heal.model, plain.corpus, task)
    frames = [run_task(task, in_memory, shard, [Variant.full(2)]) for shard in shards]
    kept = evaluation_of(store, asked, REMOVED)
    cut = evaluation_of(store, plain, REMOVED)
    whole = evaluation_of(store, asked, ())
    assert kept is not None
    assert cut is not None
    assert whole is not None
    rows = [row for frame in frames for row in frame.drop(columns="kept").to_dict("records")]
    assert len(kept[1]) == len(rows)
    for column in kept[1].columns:
        ours, theirs = kept[1][column].tolist(), [row[column] for row in rows]
        assert ours == (pytest.approx(theirs, rel=1e-4) if isinstance(ours[0], float) else theirs), column
    if task == PERPLEXITY:
        assert kept[0].value < cut[0].value, "training helps on text"
        assert whole[0].value not in (kept[0].value, cut[0].value)
    outcome = outcome_in(store, asked, REMOVED, "by hand")
    assert (outcome.before, outcome.after) == (whole[0], kept[0])
    assert outcome_in(store, plain, REMOVED, "by hand").after == cut[0], "the plain cut keeps its own value"
    assert evaluated_cuts(store, plain) == {(), REMOVED}


def test_all_shards_of_a_text_and_all_lanes_share_one_healed_network(
    healed: tuple[Store, Run], heal: HealRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run = healed
    made: list[PreTrainedModel] = []

    def counted(*args: Any) -> PreTrainedModel:
        made.append(network_of_healing(*args))
        return made[-1]

    monkeypatch.setattr(heal_network, "network_of_healing", counted)
    text = CorpusSpec(str(write_documents(tmp_path / "text.jsonl", documents=40, characters=280)), part="all")
    asked = EvaluateRequest(heal.model, text, PERPLEXITY, (REMOVED,), run.id)
    beside(heal.model).clear()
    units = store.units(carry_out(store, asked).id)
    assert len(units) > LANES
    assert len(made) == 1

    beside(heal.model).clear()
    both_inside = Barrier(LANES, timeout=30)

    def one(number: int) -> PreTrainedModel:
        with side_by_side(heal.model):
            both_inside.wait()
            turn = Turn(number, asked.run_id(), store, lambda tokens: None, lambda stage: None)
            EvaluateWork().run(asked, turn)(tmp_path / str(number))
            return healed_model(store, run.id, heal.model, REMOVED).network

    with ThreadPoolExecutor(LANES) as pool:
        networks = list(pool.map(one, range(LANES)))
    assert len(made) == 1 + 1
    assert len({id(network) for network in networks}) == LANES, "each thread has hooks and stand-ins of its own"
    pointers = [[weight.data_ptr() for weight in network.parameters()] for network in networks]
    assert all(each == pointers[0] for each in pointers), "and no weights of its own"
    for number in range(LANES):
        expected = pd.read_parquet(store.path_of(units[number].file))
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / str(number)), expected, rtol=1e-4)


def test_a_map_that_is_a_module_of_its_own_is_evaluated_timed_and_writes(heal: HealRequest, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "runs.db"))
    first = replace(heal, removed=(0,), training=None, linear=LinearSettings((1e-6,), tokens=400))
    run = carry_out(store, first)
    generator = np.random.default_rng(0)
    weight, offset = (generator.normal(0, 0.1, shape).astype(np.float32) for shape in ((32, 32), (32,)))
    cut = Variant.without(4, (0,))
    (stretch,) = stretches_of(cut)
    maps = (LinearMap(stretch, "state", "", weight, offset, 1.0),)
    laid = LinearHealing(cut, LinearSettings(), maps, (), None, None, 1, 1, 0.1)
    asked = EvaluateRequest(heal.model, heal.evaluate, PERPLEXITY, ((0,),), run.id)
    assert not laid.folded
    with pytest.raises(RunError, match="No map helped in the healing run"):
        carry_out(store, asked)
    healed_files(store, run.id).keep_maps(laid)
    again = replace(asked, cuts=((), (0,)))
    carry_out(store, again)

    model = resident_model(heal.model)
    network = pruned_network(model, (1, 2, 3))

    def mapped(ids: torch.Tensor) -> torch.Tensor:
        embedded = model.network.get_input_embeddings()(ids)
        return embedded + embedded @ torch.from_numpy(weight).T + torch.from_numpy(offset)

    total, predicted = 0.0, 0
    for window in windows_for(heal.model, heal.evaluate):
        ids = torch.tensor([window.ids])
        with torch.no_grad():
            total += float(network(inputs_embeds=mapped(ids), labels=ids).loss) * (len(window) - 1)
        predicted += len(window) - 1
    kept = evaluation_of(store, again, (0,))
    assert kept is not None
    assert np.log(kept[0].value) == pytest.approx(total / predicted, rel=1e-5)

    prompt = GenerateRequest(heal.model, heal.evaluate, (0,), "The sea", Sampling(max_new_tokens=4), run.id)
    carry_out(store, prompt)
    texts = side_by_side_in(store, prompt)
    assert texts is not None
    ids = torch.tensor([texts.pruned.prompt])
    with torch.no_grad():
        for _ in range(4):
            ids = torch.cat([ids, network(inputs_embeds=mapped(ids)).logits[:, -1:].argmax(-1)], 1)
    assert texts.pruned.tokens == tuple(ids[0, -4:].tolist()) != texts.original.tokens

    small = GainSettings(tokens=8, prompt_tokens=2, new_tokens=2, rounds=1)
    timed = GainRequest(heal.model, heal.evaluate, (0,), small, run.id)
    carry_out(store, timed)
    gains = gain_in(store, timed)
    assert gains is not None
    parameters = gains.set_index("quantity").loc["parameters"]
    assert parameters["pruned"] == sum(each.numel() for each in network.parameters()) + 32 * 32 + 32


def test_keys_without_healing_are_what_they_were(heal: HealRequest) -> None:
    plain = EvaluateRequest(heal.model, heal.evaluate, PERPLEXITY, ((), REMOVED))
    names = (heal.model.identity(), heal.evaluate.identity(), PERPLEXITY, task_named(PERPLEXITY).version)
    assert plain.evaluation_key((2, 1)) == content_hash("evaluate", ENGINE_VERSION, *names, [1, 2])
    healed, other = replace(plain, healing="a"), replace(plain, healing="b")
    assert len({each.evaluation_key(REMOVED) for each in (plain, healed, other)}) == 3
    assert {each.evaluation_key(()) for each in (plain, healed, other)} == {plain.evaluation_key(())}
    assert len({each.run_id() for each in (plain, healed, other)}) == 3
    assert EvaluateRequest.from_dict(healed.to_dict()) == healed
    older = {name: value for name, value in plain.to_dict().items() if name != "healing"}
    assert EvaluateRequest.from_dict(older) == plain


def test_what_does_not_fit_is_refused(healed: tuple[Store, Run], heal: HealRequest, tmp_path: Path) -> None:
    store, run = healed
    asked = EvaluateRequest(heal.model, heal.evaluate, PERPLEXITY, ((1,),), run.id)
    attempts: list[tuple[EvaluateRequest, type[Exception], str]] = [
        (asked, CutError, r"healed the cut \[1, 2\], not \[1\]"),
        (replace(asked, healing="nowhere"), RunError, "There is no run"),
    ]
    other = ModelSpec(str(save_tiny_model(tmp_path / "other", blocks=4, width=16)), dtype="float32", device="cpu")
    attempts.append((replace(asked, model=other, cuts=(REMOVED,)), RunError, "not this model"))
    for request, error, said in attempts:
        with pytest.raises(error, match=said):
            carry_out(store, request)


def test_made_again_the_healing_takes_its_evaluations_along(healed: tuple[Store, Run], heal: HealRequest) -> None:
    """The run has the same id then, and another network."""
    store, run = healed
    asked = EvaluateRequest(heal.model, heal.evaluate, PERPLEXITY, (REMOVED,), run.id)
    carry_out(store, asked)
    assert store.has_evaluation(asked.evaluation_key(REMOVED))
    for each in store.runs("evaluate"):
        if not each.ended:  # those that were refused above
            store.end_run(each.id, each.attempt, "failed")
    store.delete_run(run.id)
    assert not store.has_evaluation(asked.evaluation_key(REMOVED))
