"""Real calls of blocks, counted by hooks, and what they leave behind."""

from __future__ import annotations

import pytest
import torch
from random_models import ARCHITECTURES, VOCAB, build

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import ModelError
from avss_core.models.load import LoadedModel, wrap
from avss_core.variants import Variant, count_block_runs
from avss_core.variants.tail import tail_logits
from avss_core.variants.trie import states_in, walk

STATE_BYTES = 2 * 9 * 64 * 4  # sequences · tokens · hidden · float32


def batch_of_two() -> Batch:
    generator = torch.Generator().manual_seed(2)
    windows = [
        Window(i, 0, tuple(torch.randint(3, VOCAB, (n,), generator=generator).tolist())) for i, n in [(0, 9), (1, 5)]
    ]
    (batch,) = make_batches(windows, pad_id=0)
    return batch


def count_calls(model: LoadedModel) -> list[int]:
    calls: list[int] = []
    for index, block in enumerate(model.blocks):
        block.register_forward_hook(lambda *_, index=index: calls.append(index))
    return calls


# Shares of prefixes at several depths, so that a small budget has to drop some.
TANGLED = [
    (0, 1, 2, 3, 4, 5),
    (0, 1, 2, 4),
    (0, 1, 3, 5),
    (0, 2, 3, 4),
    (0, 2, 5),
    (0, 1, 3, 4),
    (0, 2, 3, 5),
    (0, 1, 5),
]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_blocks_run_as_often_as_the_trie_has_nodes(name: str) -> None:
    model = wrap(build(name), tokenizer=None)
    calls = count_calls(model)
    variants = [Variant.without(4, [block]) for block in range(4)]
    for _, hidden in walk(model, batch_of_two(), variants):
        tail_logits(model, hidden[:, 0])
    assert len(calls) == count_block_runs(variants) == 9
    # 0 is left out once, then runs for all others; 3 runs after each of the three beginnings that differ.
    assert [calls.count(block) for block in range(4)] == [1, 2, 3, 3]


def test_a_tight_budget_gives_the_same_states_with_more_runs() -> None:
    model = wrap(build("llama", blocks=6), tokenizer=None)
    calls, batch = count_calls(model), batch_of_two()
    variants = [Variant(kept, 6) for kept in TANGLED]
    wide = dict(walk(model, batch, variants))
    runs_wide = len(calls)
    assert runs_wide == count_block_runs(variants)
    runs = []
    for room in (1, 0):
        calls.clear()
        tight = dict(walk(model, batch, variants, memory_budget=(room + 2) * STATE_BYTES))
        assert len(calls) == count_block_runs(variants, room)
        runs.append(len(calls))
        assert all(torch.equal(tight[variant], wide[variant]) for variant in variants)
    assert runs_wide < runs[0] < runs[1]


def test_the_budget_covers_all_states() -> None:
    assert [states_in(budget, 100) for budget in (0, 199, 200, 299, 300, 1000)] == [0, 0, 0, 0, 1, 8]


def test_the_network_is_unchanged_after_a_block_fails() -> None:
    model, batch = wrap(build("qwen2"), tokenizer=None), batch_of_two()
    before, blocks = model.network(batch.input_ids).logits, list(model.blocks)

    def fail(*_: object) -> None:
        raise RuntimeError("out of order")

    hook = model.blocks[2].register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="out of order"):
        list(walk(model, batch, [Variant.full(4)]))
    hook.remove()
    assert all(block is original for block, original in zip(model.blocks, blocks, strict=True))
    assert torch.equal(model.network(batch.input_ids).logits, before)


@pytest.mark.parametrize("where", ["record", "tail", "abandoned"])
def test_the_network_is_unchanged_after_what_surrounds_the_blocks_fails(where: str) -> None:
    model, batch = wrap(build("gpt2"), tokenizer=None), batch_of_two()
    before, blocks = model.network(batch.input_ids).logits, list(model.blocks)
    if where == "record":
        out_of_range = Batch(batch.input_ids + VOCAB, batch.attention_mask, batch.windows)
        with pytest.raises(IndexError):
            walk(model, out_of_range, [Variant.full(4)])
    elif where == "tail":
        with pytest.raises(RuntimeError):
            tail_logits(model, torch.zeros(2, 65))
    else:
        next(iter(walk(model, batch, [Variant.full(4), Variant((1,), 4)])))
    assert all(block is original for block, original in zip(model.blocks, blocks, strict=True))
    assert torch.equal(model.network(batch.input_ids).logits, before)


def test_extras_that_a_config_asks_for_still_come_afterwards() -> None:
    network = build("llama")
    network.config.output_hidden_states = True
    model, batch = wrap(network, tokenizer=None), batch_of_two()
    ((_, hidden),) = walk(model, batch, [Variant.full(4)])
    tail_logits(model, hidden[:, 0])
    assert len(network(batch.input_ids).hidden_states) == 5


def test_no_cache_and_no_gradient() -> None:
    model, batch = wrap(build("llama"), tokenizer=None), batch_of_two()
    model.network.requires_grad_(True)
    seen = []
    model.blocks[1].register_forward_pre_hook(lambda _, __, kwargs: seen.append(kwargs), with_kwargs=True)
    ((_, hidden),) = walk(model, batch, [Variant.full(4)])
    assert seen[0]["past_key_values"] is None
    assert seen[0]["use_cache"] is False
    assert not hidden.requires_grad
    assert not tail_logits(model, hidden[:, 0]).requires_grad


def test_a_network_that_works_between_its_blocks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build("phi")
    model = wrap(network, tokenizer=None)
    loop = type(network.base_model).forward

    def doubled(self: torch.nn.Module, *args: object, **kwargs: object) -> object:
        # Between the blocks the state is replaced by a copy, as a network that scales it there would do.
        for block in self.layers:
            block.register_forward_hook(lambda _, __, output: output * 2)
        return loop(self, *args, **kwargs)

    monkeypatch.setattr(type(network.base_model), "forward", doubled)
    with pytest.raises(ModelError, match="more between its blocks"):
        walk(model, batch_of_two(), [Variant.full(4)])


def test_blocks_that_write_into_their_input_are_refused() -> None:
    model = wrap(build("gpt2"), tokenizer=None)
    forward = model.blocks[0].forward
    model.blocks[0].forward = lambda hidden_states, *args, **kwargs: forward(hidden_states.add_(1), *args, **kwargs)
    with pytest.raises(ModelError, match="in place"):
        walk(model, batch_of_two(), [Variant.full(4)])
