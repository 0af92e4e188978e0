"""Any task as the measure of a search, on a tiny network; and looking up while it runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from random_models import build
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import Cancelled, SettingError
from avss_core.models.load import LoadedModel, wrap
from avss_core.pruning.search import PERPLEXITY, Limits, Problem, greedy_steps, metric_of
from avss_core.pruning.search.task_scorer import task_scorer
from avss_core.pruning.search.watched import watched
from avss_core.tasks import shards_of_task, task_named
from avss_core.tasks.run import run_task
from avss_core.variants import Variant

N = 3


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return wrap(tiny_network(N), tiny_tokenizer())


def test_frames_are_those_that_an_evaluation_keeps(model: LoadedModel) -> None:
    spec = CorpusSpec("sample:multiple_choice", "profile", max_examples=40)
    shards = shards_of_task(task_named("multiple_choice"), spec, model.tokenizer)
    assert len(shards) > 1
    counted: list[int] = []
    variants = [Variant.full(N), Variant.without(N, (1,)), Variant.without(N, (0, 2))]
    frames = task_scorer(model, "multiple_choice", shards, counted.append)(variants)
    for variant in variants:
        alone = pd.concat([run_task("multiple_choice", model, shard, [variant]) for shard in shards])
        pd.testing.assert_frame_equal(frames[variant], alone.drop(columns="kept").reset_index(drop=True))
    assert sum(counted) == sum(len(item) for shard in shards for item in shard)


def test_greedy_by_accuracy_removes_what_leaves_most_right(model: LoadedModel) -> None:
    spec = CorpusSpec("sample:multiple_choice", "profile", max_examples=30)
    shards = shards_of_task(task_named("multiple_choice"), spec, model.tokenizer)
    problem = Problem(N, task_scorer(model, "multiple_choice", shards), Limits(most=1), metric_of("multiple_choice"))
    (step,) = greedy_steps(problem)
    right = []
    for block in range(N):
        values = pd.concat([run_task("multiple_choice", model, s, [Variant.without(N, (block,))]) for s in shards])
        right.append(values["correct"].mean())
    assert step.candidate == int(np.argmax(right))
    assert step.attempt.value == pytest.approx(max(right))
    assert dict(step.tried) == pytest.approx({block: 1 - share for block, share in enumerate(right)})


def test_the_loss_of_a_perplexity_is_in_nats_per_token() -> None:
    frame = pd.DataFrame({"document": [0, 1], "nll": [30.0, 10.0], "tokens": [10, 6]})
    found = metric_of("perplexity")
    assert found.loss(frame) == PERPLEXITY.loss(frame) == 2.5
    assert found.summarise(frame) == PERPLEXITY.summarise(frame)
    with pytest.raises(SettingError, match="no task 'poetry'"):
        metric_of("poetry")


def test_a_step_is_left_between_two_blocks() -> None:
    model = wrap(build("llama"), tokenizer=None)
    runs = 0

    def look_up() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            raise Cancelled("The job was cancelled.")

    ids = model.network.dummy_inputs["input_ids"]
    expected = model.network(ids).logits
    with pytest.raises(Cancelled), watched(model, look_up):
        model.network(ids)
    assert runs == 3
    np.testing.assert_array_equal(model.network(ids).logits.detach(), expected.detach())
    assert runs == 3, "nobody looks up any more"
