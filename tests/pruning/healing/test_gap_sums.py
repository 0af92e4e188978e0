from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import build

from avss_core.corpora.batches import make_batches
from avss_core.models.load import wrap
from avss_core.pruning.healing.gap import Sides
from avss_core.pruning.healing.stretches import stretches_of
from avss_core.variants import Variant
from avss_core.variants.physical import pruned_network


@pytest.mark.parametrize("projection", ["", "mlp.down_proj"])
@pytest.mark.parametrize("holds", [True, False])
def test_sums_are_those_of_every_window_alone(projection: str, holds: bool, make_windows) -> None:
    """Against Hugging Face's own hidden states, one unpadded window at a time, added up token by token in NumPy."""
    model = wrap(build("llama", blocks=5), tokenizer=None)
    variant, windows = Variant.without(5, [2, 3]), make_windows(5)
    network = pruned_network(model, variant.kept)
    (stretch,) = stretches_of(variant)
    neurons: list[torch.Tensor] = []
    hook = network.model.layers[1].mlp.down_proj.register_forward_pre_hook(lambda _m, args: neurons.append(args[0][0]))
    weight, z_sum, zz, zd, count = 0.0, 0.0, 0.0, 0.0, 0
    for window in windows:
        ids = torch.tensor([window.ids])
        whole = model.network(ids, output_hidden_states=True).hidden_states
        pruned = network(ids, output_hidden_states=True).hidden_states
        reads = (neurons[-1] if projection else pruned[2][0]).double().numpy()
        for z, hidden, target in zip(reads, pruned[2][0].double().numpy(), whole[4][0].double().numpy(), strict=True):
            w = 1 / np.mean(target**2)
            weight, count = weight + w, count + 1
            z_sum, zz, zd = z_sum + w * z, zz + w * np.outer(z, z), zd + w * np.outer(z, target - hidden)
    hook.remove()

    (batch,) = make_batches(windows, pad_id=0, padding_per_batch=None)
    sums = Sides(model, wrap(network, None), batch, holds).gap(stretch, projection).sums()
    assert sums.tokens == count == sum(map(len, windows))
    assert sums.weight == pytest.approx(weight, rel=1e-5)
    np.testing.assert_allclose(sums.z, z_sum, rtol=1e-3, atol=1e-4 * np.abs(z_sum).max())
    np.testing.assert_allclose(sums.zz, zz, rtol=1e-3, atol=1e-5 * np.abs(zz).max())
    np.testing.assert_allclose(sums.zd, zd, rtol=1e-3, atol=1e-5 * np.abs(zd).max())
