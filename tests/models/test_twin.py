"""A network and its twin share weights and nothing else: at work at the same time, neither sees the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch
from measured_by_hand import random_windows
from random_models import ARCHITECTURES, build
from tiny_model import tiny_network, tiny_tokenizer

from avss_core.activations.measure import measure
from avss_core.activations.moments import Profile
from avss_core.activations.site_names import SITES
from avss_core.corpora.batches import make_batches
from avss_core.models.load import LoadedModel, wrap
from avss_core.models.twin import twin_of

TEXTS = [random_windows(50, 8), random_windows(41, 2)]  # two batches each: so much padding is more than one takes


def sums_of(profile: Profile) -> dict[str, np.ndarray]:
    return {site: moments.pooled().feature_sums for site, moments in profile.sites.items()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_both_are_measured_at_once_as_one_after_the_other(architecture: str) -> None:
    model = wrap(build(architecture, 4), None)
    twin = twin_of(model)
    both_inside = Barrier(2, timeout=30)

    def measured(which: LoadedModel, text: int) -> dict[str, np.ndarray]:
        def between(_tokens: int) -> None:
            both_inside.wait()  # neither ends before the other has hooks on as well

        return sums_of(measure(which, TEXTS[text], SITES, between_batches=between))

    assert [len(make_batches(text, 0)) for text in TEXTS] == [2, 2]
    expected = [sums_of(measure(model, text, SITES)) for text in TEXTS]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(measured, (model, twin), (0, 1)))
    for ours, theirs in zip(found, expected, strict=True):
        assert set(ours) == set(SITES)
        for site in SITES:  # at `mlp` a mixture's tap puts a method of its own in the place of the experts'
            np.testing.assert_array_equal(ours[site], theirs[site], err_msg=site)


def test_weights_are_in_memory_once_and_modules_twice() -> None:
    model = wrap(tiny_network(), tiny_tokenizer())
    twin = twin_of(model)
    weights, again = dict(model.network.named_parameters()), dict(twin.network.named_parameters())
    assert weights.keys() == again.keys()
    assert all(weights[name].data_ptr() == again[name].data_ptr() for name in weights)
    assert not {id(module) for module in model.network.modules()} & {id(module) for module in twin.network.modules()}
    assert twin.blocks is twin.network.get_submodule(model.blocks_path)
    assert twin.tokenizer is not model.tokenizer
    assert twin.tokenizer("some text")["input_ids"] == model.tokenizer("some text")["input_ids"]
    seen: list[int] = []
    twin.blocks[0].register_forward_hook(lambda *_: seen.append(1))
    ids = torch.tensor([[5, 6, 7]])
    model.network(input_ids=ids)
    assert not seen
    torch.testing.assert_close(twin.network(input_ids=ids).logits, model.network(input_ids=ids).logits, rtol=0, atol=0)
    assert seen
