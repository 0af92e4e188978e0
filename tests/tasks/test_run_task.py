"""Every task through the one call that jobs use."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from random_models import build

from avss_core.corpora import CorpusSpec
from avss_core.corpora.batches import make_batches
from avss_core.errors import Cancelled, CutError, ModelError, SettingError
from avss_core.models.load import LoadedModel, wrap
from avss_core.tasks import TASKS, perplexity, read_task, shards_of_task
from avss_core.tasks.run import run_task
from avss_core.variants import Variant

ROWS = [
    {"text": f"Text {n}. " + "word " * n, "label": "pos" if n % 2 else "neg", "context": f"Passage {n // 3}."}
    | {"question": f"Question {n}?", "answers": ["a", "b"], "choices": ["one", "two", f"{n}"], "answer": n % 3}
    for n in range(12)
]
VARIANTS = [Variant.full(4), Variant.without(4, [1]), Variant.without(4, [1, 2])]


@pytest.fixture
def model(tokenizer) -> LoadedModel:
    return wrap(build("llama"), tokenizer)


@pytest.fixture
def spec(tmp_path: Path) -> CorpusSpec:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return CorpusSpec(str(path), "all")


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_shards_together_give_a_value_for_every_example_and_variant(task, model, spec, monkeypatch) -> None:
    monkeypatch.setattr(type(task), "tokens_per_shard", 200)
    shards = shards_of_task(task, spec, model.tokenizer)
    assert len(shards) > 1
    ticks: list[int] = []
    frame = pd.concat([run_task(task.name, model, shard, VARIANTS, ticks.append) for shard in shards])
    assert sum(ticks) == sum(len(one) for shard in shards for one in shard)
    whole = run_task(task.name, model, tuple(one for shard in shards for one in shard), VARIANTS)
    for variant in VARIANTS:
        rows = frame[frame["kept"] == variant.key]
        assert len(rows) == len(ROWS)
        if task.name != "perplexity":
            assert rows["example"].tolist() == [example.id for example in read_task(task, spec)]
        for found in task.summarise_all(rows):
            expected = task.summarise(whole[whole["kept"] == variant.key], found.metric)
            assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))
            assert found.n == len(ROWS)
            assert found.task == task.name


def test_perplexity_is_what_it_was(model, spec) -> None:
    (shard,) = shards_of_task(TASKS["perplexity"], spec, model.tokenizer)
    before = perplexity.score(model, make_batches(shard, 0), VARIANTS)
    after = run_task("perplexity", model, shard, VARIANTS)
    order = ["kept", "document"]
    pd.testing.assert_frame_equal(
        after.sort_values(order, ignore_index=True), before.sort_values(order, ignore_index=True)
    )


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_tick_may_stop_it(task, model, spec) -> None:
    (shard, *_) = shards_of_task(task, spec, model.tokenizer)

    def stop(tokens: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        run_task(task.name, model, shard, VARIANTS, stop)
    # The network is whole afterwards.
    assert len(run_task(task.name, model, shard, VARIANTS[:1])) == len(shard)


def test_a_variant_given_twice_counts_once(model, spec) -> None:
    (shard, *_) = shards_of_task(TASKS["closed_book"], spec, model.tokenizer)
    once, twice = (run_task("closed_book", model, shard, VARIANTS[:1] * times) for times in (1, 2))
    pd.testing.assert_frame_equal(once, twice)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_what_cannot_be_is_said(task, model, spec, tokenizer) -> None:
    (shard, *_) = shards_of_task(task, spec, model.tokenizer)
    with pytest.raises(ModelError, match=rf"BertForMaskedLM does not predict .* {task.name}; use a causal"):
        run_task(task.name, wrap(build("bert"), tokenizer), shard, VARIANTS)
    with pytest.raises(SettingError, match="No cut was given"):
        run_task(task.name, model, shard, [])
    with pytest.raises(CutError):
        run_task(task.name, model, shard, [Variant.without(5, [1])])
