"""States kept from walk to walk: the same numbers as without, and the blocks that hooks count."""

from __future__ import annotations

import pytest
import torch
from random_models import ARCHITECTURES, VOCAB, build

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.models.load import LoadedModel, wrap
from avss_core.variants import Variant
from avss_core.variants.kept_prefixes import KeptPrefixes
from avss_core.variants.physical import pruned_network
from avss_core.variants.tail import tail_logits
from avss_core.variants.trie import walk

PLENTY = 2**30
# One cut after another: 5 is put back, 2 stays out, 4 and 1 are put back, 0 stays out; and trees of several.
CUTS = [[(), (5,)], [(2,)], [(2, 4)], [(1, 2)], [(0, 2)], [(0, 2, 3), (0, 2, 5), (0, 1, 2)], [(0, 2, 3, 5), ()]]


def batches_of(*lengths: int) -> list[Batch]:
    """About 20 tokens each, most of them with padding."""
    generator = torch.Generator().manual_seed(4)
    windows = [
        Window(i, 0, tuple(torch.randint(3, VOCAB, (n,), generator=generator).tolist())) for i, n in enumerate(lengths)
    ]
    return make_batches(windows, 0, tokens_per_batch=20)


def calls_of(model: LoadedModel) -> list[int]:
    list(walk(model, batches_of(3)[0], []))  # the first look at a block's answer is no walk
    calls: list[int] = []
    for index, block in enumerate(model.blocks):
        block.register_forward_hook(lambda *_, index=index: calls.append(index))
    return calls


def prefixes_of(kept: tuple[int, ...]) -> set[tuple[int, ...]]:
    return {kept[:depth] for depth in range(1, len(kept) + 1)}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_states_are_bit_for_bit_those_of_a_walk_from_the_start(name: str) -> None:
    model, kept, batches = wrap(build(name, blocks=6), tokenizer=None), KeptPrefixes(PLENTY), batches_of(9, 7, 5, 2)
    assert len(batches) > 1
    assert any((batch.attention_mask == 0).any() for batch in batches)
    calls = calls_of(model)
    known: set[tuple[int, ...]] = set()
    for cuts in CUTS:
        variants = [Variant.without(6, cut) for cut in cuts]
        wanted = set[tuple[int, ...]]().union(*(prefixes_of(variant.kept) for variant in variants))
        for batch in batches:
            plain = dict(walk(model, batch, variants))
            calls.clear()
            found = dict(walk(model, batch, variants, prefixes=kept))
            assert len(calls) == len(wanted - known), "what is kept does not run again, and all is kept"
            assert all(torch.equal(found[variant], plain[variant]) for variant in variants)
        known |= wanted


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
def test_logits_from_kept_states_are_those_of_a_network_without_the_blocks(name: str) -> None:
    model, kept = wrap(build(name, blocks=6), tokenizer=None), KeptPrefixes(PLENTY)
    (batch,) = batches_of(9, 7)
    for cuts in CUTS:
        for variant, hidden in walk(model, batch, [Variant.without(6, cut) for cut in cuts], prefixes=kept):
            logits = pruned_network(model, variant.kept)(batch.input_ids, attention_mask=batch.attention_mask).logits
            real = batch.attention_mask.bool()
            torch.testing.assert_close(tail_logits(model, hidden[real]), logits[real], rtol=1e-4, atol=1e-4)


def test_nobody_writes_into_what_is_kept() -> None:
    model, kept, batches = wrap(build("llama", blocks=6), tokenizer=None), KeptPrefixes(PLENTY), batches_of(9, 7, 5)
    before: dict[object, torch.Tensor] = {}
    for cuts in CUTS:
        for batch in batches:
            for _, hidden in walk(model, batch, [Variant.without(6, cut) for cut in cuts], prefixes=kept):
                tail_logits(model, hidden[:, 0])
        assert all(torch.equal(kept._states[key], state) for key, state in before.items())
        before = {key: state.clone() for key, state in kept._states.items()}
    assert len(before) > 20


@pytest.mark.parametrize("states", [0, 1, 2, 5, 11, 100])
def test_the_budget_is_for_all_batches_together_and_what_fits_is_evenly_spread(states: int) -> None:
    model, batches = wrap(build("llama", blocks=6), tokenizer=None), batches_of(9, 9, 9, 9)
    assert len(batches) == 2
    state_bytes = batches[0].input_ids.numel() * model.hidden_size * 4
    kept, calls = KeptPrefixes(states * state_bytes), calls_of(model)
    whole = Variant.full(6)
    for batch in batches:
        [(_, state)] = walk(model, batch, [whole], prefixes=kept)
        assert kept.bytes == len(kept._states) * state_bytes <= states * state_bytes
        assert torch.equal(state, dict(walk(model, batch, [whole]))[whole])
    # 2 batches of 6 states; every 2nd; every 4th; none of them when only every 8th would be kept.
    depths = {0: [], 1: [], 2: [4], 5: [4], 11: [2, 4, 6], 100: [1, 2, 3, 4, 5, 6]}[states]
    assert sorted(len(path) for _, path in kept._states) == sorted(depths * 2)
    calls.clear()
    [_] = walk(model, batches[0], [Variant.without(6, [5])], prefixes=kept)
    assert len(calls) == 5 - max([depth for depth in depths if depth < 6], default=0)


def test_standing_on_a_variant_forgets_what_it_cannot_begin_with() -> None:
    model, kept = wrap(build("llama", blocks=6), tokenizer=None), KeptPrefixes(PLENTY)
    (batch,) = batches_of(9)
    variants = [Variant.full(6), Variant.without(6, [3])]
    dict(walk(model, batch, variants, prefixes=kept))
    assert {path for _, path in kept._states} == prefixes_of((0, 1, 2, 3, 4, 5)) | prefixes_of((0, 1, 2, 4, 5))
    kept.stand_on(Variant.without(6, [3]))
    assert {path for _, path in kept._states} == prefixes_of((0, 1, 2, 4))
    assert kept.bytes == 4 * 9 * model.hidden_size * 4
    kept.stand_on(Variant((3,), 6))
    assert kept.bytes == 0


def test_batches_are_told_apart_by_their_tokens_and_their_padding() -> None:
    model, kept = wrap(build("llama"), tokenizer=None), KeptPrefixes(PLENTY)
    (batch,) = batches_of(9, 7)
    shorter = Batch(batch.input_ids, batch.attention_mask.clone().index_fill_(1, torch.tensor([8]), 0), batch.windows)
    other = Batch(batch.input_ids + 1, batch.attention_mask, batch.windows)
    again = Batch(batch.input_ids.clone(), batch.attention_mask.clone(), batch.windows)
    calls = calls_of(model)
    for which, runs in [(batch, 4), (shorter, 4), (other, 4), (again, 0)]:
        calls.clear()
        [(_, state)] = walk(model, which, [Variant.full(4)], prefixes=kept)
        assert len(calls) == runs
        assert torch.equal(state, next(iter(walk(model, which, [Variant.full(4)])))[1])
