"""Padding on either side, several texts packed in a row, and no padding at all give the same moments."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from measured_by_hand import random_windows
from random_models import ARCHITECTURES, build

from avss_core.activations.measure import measure_batches
from avss_core.activations.moments import Profile, merge_profiles
from avss_core.activations.packed import pack_windows
from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.windows import Window
from avss_core.errors import ModelError
from avss_core.models.load import LoadedModel, wrap

SITES = ("residual", "update", "mlp", "attention")
# Longer and shorter than the sliding windows of the tests' networks; one starts in the middle of its document.
WINDOWS = [*random_windows(13, 8, 1, 20), Window(9, 40, tuple(range(3, 12)))]
NOT_PACKED = {"bloom": "would let the texts of one row see each other"}


def measured(model: LoadedModel, batches: Iterable[Batch]) -> Profile:
    return measure_batches(model, batches, SITES)


def assert_same(profile: Profile, expected: Profile) -> None:
    assert profile.sites.keys() == expected.sites.keys()
    for site, a in profile.sites.items():
        b = expected.sites[site]
        assert (a.tokens == b.tokens).all()
        assert (a.sequences == b.sequences).all()
        # float32 products of other shapes round differently; a token too many or a position off would show far more.
        for name in ("m2", "abs_sum", "l2_sum", "frobenius_sum"):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-5, err_msg=f"{site} {name}")
        scale = b.feature_sums[:, :, 1].max()
        np.testing.assert_allclose(a.feature_sums, b.feature_sums, rtol=1e-4, atol=1e-5 * scale, err_msg=site)
        top = ["document", "position", "feature"]
        assert (a.largest[:, :, 0][top] == b.largest[:, :, 0][top]).all()


@pytest.fixture(scope="module", params=ARCHITECTURES)
def network(request: pytest.FixtureRequest) -> tuple[str, LoadedModel, Profile]:
    """A network and the profile of its windows one by one, without padding."""
    model = wrap(build(request.param), tokenizer=None)
    alone = merge_profiles([measured(model, make_batches([window], 0)) for window in WINDOWS])
    return request.param, model, alone


@pytest.mark.parametrize("side", ["right", "left"])
def test_padding(network: tuple[str, LoadedModel, Profile], side: str) -> None:
    _, model, alone = network
    (batch,) = make_batches(WINDOWS, 0, side=side, padding_per_batch=None)
    assert (batch.attention_mask == 0).sum() > 40
    assert_same(measured(model, [batch]), alone)


def test_padding_with_a_token_that_is_not_the_padding_token(network: tuple[str, LoadedModel, Profile]) -> None:
    _, model, alone = network
    for side in ("right", "left"):
        (batch,) = make_batches(WINDOWS, 77, side=side, padding_per_batch=None)
        assert_same(measured(model, [batch]), alone)


def test_packed(network: tuple[str, LoadedModel, Profile]) -> None:
    name, model, alone = network
    if name in NOT_PACKED:
        with pytest.raises(ModelError, match=NOT_PACKED[name]):
            pack_windows(model, WINDOWS)
        return
    batches = pack_windows(model, WINDOWS, tokens_per_batch=45)
    assert [batch.tokens for batch in batches] == [42, 9]
    assert_same(measured(model, batches), alone)


def test_a_network_that_takes_no_mask_but_attends_locally_is_not_packed() -> None:
    """One mask of four dimensions would switch its sliding window off without a word."""
    network = build("bert")
    network.config.sliding_window = 4
    with pytest.raises(ModelError, match="cannot be packed"):
        pack_windows(wrap(network, tokenizer=None), WINDOWS)


def test_a_packed_row_knows_its_windows() -> None:
    model = wrap(build("llama"), tokenizer=None)
    (batch,) = pack_windows(model, WINDOWS[:3])
    moved = batch.to("cpu")
    assert moved.window.tolist() == [[0] * 13 + [1] * 8 + [2]]
    assert moved.place.tolist() == [[*range(13), *range(8), 0]]
    assert moved.input_ids[0].tolist() == [token for window in WINDOWS[:3] for token in window.ids]
    assert moved.tokens == 22
    with pytest.raises(ValueError, match="another model"):
        measured(wrap(build("gpt2"), tokenizer=None), [batch])


def test_padding_may_hold_nan() -> None:
    model = wrap(build("llama"), tokenizer=None)
    (batch,) = make_batches(WINDOWS, 0, padding_per_batch=None)
    expected = measured(model, [batch])
    real = batch.attention_mask.bool()[..., None]

    def spoil(_module: object, _args: object, output: torch.Tensor) -> torch.Tensor:
        return torch.where(real, output, torch.nan)

    places = [model.blocks[3].mlp.act_fn, model.blocks[3].self_attn.o_proj, model.blocks[3]]
    handles = [place.register_forward_hook(spoil) for place in places]
    for plain in (False, True):
        spoiled = measure_batches(model, [batch], SITES, plain=plain)
        for site in SITES:
            np.testing.assert_allclose(spoiled.sites[site].m2, expected.sites[site].m2, rtol=1e-12)
            np.testing.assert_allclose(
                spoiled.sites[site].frobenius_sum, expected.sites[site].frobenius_sum, rtol=1e-12
            )
            assert (spoiled.sites[site].histogram == expected.sites[site].histogram).all()
            assert (spoiled.sites[site].largest == expected.sites[site].largest).all()
    for handle in handles:
        handle.remove()
