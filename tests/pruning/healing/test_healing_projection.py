from __future__ import annotations

import pytest
import torch
from random_models import ARCHITECTURES, build

from avss_core.corpora.batches import make_batches
from avss_core.models.load import wrap
from avss_core.pruning.healing.linears import add_to
from avss_core.pruning.healing.projection import foldable_projection
from avss_core.variants.calls import record_calls

FOLDABLE = {
    "llama": "mlp.down_proj",
    "mistral": "mlp.down_proj",
    "qwen2": "mlp.down_proj",
    "qwen3": "mlp.down_proj",
    "gpt2": "mlp.c_proj",
    "gpt_neox": "mlp.dense_4h_to_h",
    "stablelm": "mlp.down_proj",
    "opt": "fc2",
    "phi": "mlp.fc2",
    "bloom": "mlp.dense_4h_to_h",
    # A norm stands between the projection and the block's output, or the experts are one fused tensor.
    "gemma3": "",
    "mixtral": "",
    "bert": "",
    "distilbert": "",
    "roberta": "",
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_folding_is_exact_where_a_projection_is_named(name, dtype, make_windows) -> None:
    model = wrap(build(name, dtype=dtype), tokenizer=None)
    (batch,) = make_batches(make_windows(6, shortest=20), pad_id=0)
    calls = record_calls(model, batch)
    hidden = calls.run(0, calls.embeddings)
    path = foldable_projection(calls, 1, hidden)
    assert path == FOLDABLE[name]
    if not path:
        return
    assert not any(module._forward_hooks for module in model.network.modules())
    linear = model.blocks[1].get_submodule(path)
    read: list[torch.Tensor] = []
    with_hook = linear.register_forward_pre_hook(lambda _linear, args: read.append(args[0]))
    before = calls.run(1, hidden)
    with_hook.remove()
    weight = 0.1 * torch.randn(model.hidden_size, read[0].shape[-1], generator=torch.Generator().manual_seed(0))
    offset = torch.linspace(-1, 1, model.hidden_size) if getattr(linear, "bias", None) is not None else None
    add_to(linear, weight, offset)
    expected = before.double() + read[0].double().reshape(*before.shape[:-1], -1) @ weight.double().T
    if offset is not None:
        expected += offset.double()
    moved = expected - before.double()
    assert (calls.run(1, hidden).double() - expected).norm() < (2e-6 if dtype == torch.float32 else 0.02) * (
        moved.norm() + expected.norm()
    )
    assert moved.norm() > 0.1 * before.norm()
