from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import ARCHITECTURES, HIDDEN, build
from transformers import AutoModelForCausalLM

from avss_core.corpora.batches import make_batches
from avss_core.errors import RunError
from avss_core.models.load import wrap
from avss_core.pruning.healing import LinearMap, LinearSettings, stretches_of
from avss_core.pruning.healing.fit_linear import heal_linear
from avss_core.pruning.healing.healed import healed_network
from avss_core.pruning.healing.maps_file import read_maps, write_maps
from avss_core.variants import Variant
from avss_core.variants.calls import record_calls
from avss_core.variants.tail import tail_logits
from avss_core.variants.trie import walk


def random_maps(variant: Variant) -> list[LinearMap]:
    generator = np.random.default_rng(0)
    return [
        LinearMap(
            stretch,
            "state",
            "",
            (0.1 * generator.normal(size=(HIDDEN, HIDDEN))).astype(np.float32),
            generator.normal(size=HIDDEN).astype(np.float32) if number else None,
            1.0,
        )
        for number, stretch in enumerate(stretches_of(variant))
    ]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_modules_apply_the_map_where_the_gap_is(name: str, make_windows, untouched) -> None:
    """Against running the original's blocks one by one, the map as a matrix product in between."""
    model = wrap(build(name, blocks=5), tokenizer=None)
    before = untouched(model.network)
    variant = Variant.without(5, [0, 2, 4])
    maps = random_maps(variant)
    network = healed_network(model, variant, maps)
    (batch,) = make_batches(make_windows(3), pad_id=0, padding_per_batch=None)

    calls = record_calls(model, batch)
    state = calls.embeddings
    for each, block in zip(maps, (1, 3, None), strict=True):
        moved = state.double() @ torch.from_numpy(each.weight).double().T
        state = (state.double() + moved + (0 if each.offset is None else torch.from_numpy(each.offset))).float()
        state = state if block is None else calls.run(block, state)
    real = batch.attention_mask.bool()
    ((_, found),) = walk(wrap(network, None), batch, [Variant.full(2)])
    torch.testing.assert_close(found[real], state[real], rtol=1e-4, atol=1e-4)
    logits = network(batch.input_ids, attention_mask=batch.attention_mask).logits
    torch.testing.assert_close(logits[real], tail_logits(model, state[real]), rtol=1e-3, atol=1e-3)
    before.check()


def test_a_folded_network_is_an_ordinary_one(make_windows, tmp_path) -> None:
    model = wrap(build("llama", blocks=5), tokenizer=None)
    variant = Variant.without(5, [1, 3])
    windows = make_windows(40, written_by=model.network)
    healing = heal_linear(model, variant, windows, LinearSettings((0.3, 3.0, 30.0)))
    assert healing.helps
    assert healing.folded
    network = healed_network(model, variant, healing.maps)
    network.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = torch.arange(3, 40)[None]
    assert torch.equal(loaded(ids).logits, network(ids).logits)
    assert not torch.allclose(loaded(ids).logits, healed_network(model, variant)(ids).logits)


def test_maps_there_and_back_as_a_file(tmp_path) -> None:
    maps = random_maps(Variant.without(6, [0, 1, 4]))
    write_maps(maps, tmp_path / "maps.npz")
    found = read_maps(tmp_path / "maps.npz")
    assert len(found) == len(maps) == 2
    for ours, theirs in zip(maps, found, strict=True):
        assert (ours.stretch, ours.reads, ours.projection, ours.shrinkage) == (
            theirs.stretch,
            theirs.reads,
            theirs.projection,
            theirs.shrinkage,
        )
        np.testing.assert_array_equal(ours.weight, theirs.weight)
        np.testing.assert_array_equal(ours.offset, theirs.offset)


def test_a_file_that_holds_something_else(tmp_path) -> None:
    file = tmp_path / "maps.npz"
    with pytest.raises(RunError, match="fit them again"):
        read_maps(file)
    write_maps(random_maps(Variant.without(6, [1])), file)
    whole = file.read_bytes()
    for content in (b"", b"not an archive", whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(RunError, match="fit them again"):
            read_maps(file)
