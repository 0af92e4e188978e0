"""The authors' script, against plain NumPy and plain autograd on the same windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_models import build

from avss_core.corpora.windows import Window
from avss_core.importance.authors_script import authors_sums
from avss_core.importance.authors_table import authors_table
from avss_core.models.load import wrap

WINDOWS = [Window(0, 0, (5, 9, 3, 77, 20)), Window(1, 0, (8, 2, 60)), Window(2, 0, (1, 4, 4, 90))]


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_table_is_what_the_script_computes(name: str) -> None:
    model = wrap(build(name), tokenizer=None)
    with torch.no_grad():
        model.blocks[1].get_submodule("mlp").register_forward_hook(lambda _m, _a, out: out)
    table = authors_table([authors_sums(model, WINDOWS[:2]), authors_sums(model, WINDOWS[2:])])

    outputs: list[list[np.ndarray]] = [[] for _ in model.blocks]
    for index, block in enumerate(model.blocks):
        block.register_forward_hook(
            lambda _b, _a, out, index=index: outputs[index].append(
                (out if isinstance(out, torch.Tensor) else out[0]).detach().numpy().astype(np.float64)
            )
        )
    reference = build(name).train(False)
    gradient_l1 = np.zeros(len(outputs))
    gradient_l2 = np.zeros(len(outputs))
    reference_blocks = wrap(reference, tokenizer=None).blocks
    reference.requires_grad_(True)
    for window in WINDOWS:
        ids = torch.tensor([window.ids])
        with torch.no_grad():
            model.network(input_ids=ids)
        reference.zero_grad()
        reference(input_ids=ids, labels=ids).loss.backward()
        for index, block in enumerate(reference_blocks):
            flat = np.concatenate([w.grad.numpy().astype(np.float64).ravel() for w in block.parameters()])
            gradient_l1[index] += np.abs(flat).sum() / len(WINDOWS)
            gradient_l2[index] += np.sqrt((flat**2).sum()) / len(WINDOWS)

    means = [[sample[0].mean(axis=0) for sample in samples] for samples in outputs]
    variance = [np.mean([mean.var(ddof=1) for mean in block]) for block in means]
    np.testing.assert_allclose(table["variance"], variance, rtol=1e-9)
    sparsity = np.array([np.mean([(np.abs(mean) < 1e-5).mean() for mean in block]) for block in means])
    np.testing.assert_allclose(table["sparsity"], sparsity, atol=1e-12)
    floor = 1 / (len(WINDOWS) * model.hidden_size)
    np.testing.assert_allclose(table["avss"], variance / np.where(sparsity == 0, floor, sparsity), rtol=1e-9)
    np.testing.assert_allclose(table["gradient_l1"], gradient_l1, rtol=1e-4)
    np.testing.assert_allclose(table["gradient_l2"], gradient_l2, rtol=1e-4)
    weights = [np.sqrt(sum((w.numpy().astype(np.float64) ** 2).sum() for w in b.parameters())) for b in model.blocks]
    np.testing.assert_allclose(table["weight_frobenius"], weights, rtol=1e-6)


def test_silent_features_count() -> None:
    model = wrap(build("llama"), tokenizer=None)
    model.blocks[-1].register_forward_hook(lambda _b, _a, out: out * torch.cat([torch.zeros(16), torch.ones(48)]))
    table = authors_table([authors_sums(model, WINDOWS)])
    assert table["sparsity"].iloc[-1] == pytest.approx(16 / 64)
    assert not table["floored"].iloc[-1]


def test_intervals_are_percentiles_of_tables_of_resampled_shards() -> None:
    model = wrap(build("llama"), tokenizer=None)
    shards = [authors_sums(model, [Window(k, 0, (5, 9 + k, 3, 77))]) for k in range(5)]
    table = authors_table(shards, resamples=40, seed=3)
    weights = np.random.default_rng(3).multinomial(5, np.full(5, 1 / 5), size=40)
    tables = [
        authors_table([shard for shard, times in zip(shards, of_shards, strict=True) for _ in range(times)])
        for of_shards in weights
    ]
    names = [name.removesuffix("_low") for name in table if name.endswith("_low")]
    assert set(names) == set(table) - {f"{name}{end}" for name in names for end in ("_low", "_high")} - {
        "block",
        "n",
        "floored",
        "weight_frobenius",
    }
    for name in names:
        low, high = np.percentile(np.stack([drawn[name] for drawn in tables]), [2.5, 97.5], axis=0)
        np.testing.assert_allclose(table[f"{name}_low"], low, rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(table[f"{name}_high"], high, rtol=1e-9, err_msg=name)
    assert authors_table(shards[:3])["variance_low"].isna().all()


def test_model_is_left_as_it_was_and_encoders_have_no_gradient() -> None:
    model = wrap(build("bert"), tokenizer=None)
    table = authors_table([authors_sums(model, WINDOWS)])
    assert table["gradient_l2"].isna().all()
    assert (table["variance"] > 0).all()

    decoder = wrap(build("llama"), tokenizer=None)

    def stop(_tokens: int) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        authors_sums(decoder, WINDOWS, stop)
    assert not any(weight.requires_grad for weight in decoder.network.parameters())
    assert all(weight.grad is None for weight in decoder.network.parameters())
    assert not decoder.blocks[0]._forward_hooks
