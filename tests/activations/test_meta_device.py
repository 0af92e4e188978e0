"""What an accelerator would see: fake tensors on `meta`, where mixing devices or reading a value raises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from measured_by_hand import random_windows
from numpy.typing import NDArray
from random_models import ARCHITECTURES, build
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from avss_core.activations import accumulators
from avss_core.activations.labels import LabelledTokens
from avss_core.activations.measure import measure_batches
from avss_core.corpora.batches import make_batches
from avss_core.models import loaded
from avss_core.models.load import LoadedModel, wrap
from avss_core.variants.tail import tail_logits
from avss_core.variants.trie import walk
from avss_core.variants.variant import Variant

SITES = ("residual", "update", "mlp", "attention")
WINDOWS = random_windows(13, 8, 20, 3, 1)


class CopiesToHost(TorchDispatchMode):
    """Counts operations that take something from `meta` to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and args and isinstance(args[0], Tensor):
            self.count += args[0].device.type == "meta" and out.device.type == "cpu"
        return out


def on_meta(name: str, monkeypatch: pytest.MonkeyPatch) -> LoadedModel:
    """A network without memory; its fingerprint, which needs values, is taken when a model is loaded and not here."""
    monkeypatch.setattr(loaded, "fingerprint_of", lambda *_: "none")
    monkeypatch.setattr(torch, "manual_seed", lambda _seed: None)
    dtype = torch.bfloat16 if name == "mixtral" else torch.float32  # off the processor, grouped products want bfloat16
    with torch.device("meta"):
        return wrap(build(name, blocks=2, dtype=dtype), tokenizer=None)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is copied to the host; zeros stand for the values that there are none of."""
    sizes: list[int] = []
    real = accumulators.to_host

    def to_host(values: Tensor) -> NDArray[np.int64]:
        assert real is not to_host
        sizes.append(values.numel())
        return np.zeros(values.cpu().numel(), dtype=np.int64)

    monkeypatch.setattr(accumulators, "to_host", to_host)
    return sizes


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_profiling_waits_once_a_shard(name: str, copies: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = on_meta(name, monkeypatch)
        batches = make_batches(WINDOWS, 0, tokens_per_batch=40, padding_per_batch=None)
        assert len(batches) > 1
        with CopiesToHost() as to_host:
            profile = measure_batches(model, batches, SITES)
    assert profile.sites.keys() == set(SITES)
    assert to_host.count == len(copies) == 1


@pytest.mark.parametrize("side", ["right", "left"])
def test_with_inputs_that_are_there_already(side: str, copies: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    labels = LabelledTokens({w.document: ["a", "b", None, "a"] * 5 for w in WINDOWS}, ["a", "b"])
    with FakeTensorMode():
        model = on_meta("llama", monkeypatch)
        batches = [batch.to("meta") for batch in make_batches(WINDOWS, 0, side=side, padding_per_batch=None)]
        for grouping in (None, labels):
            measure_batches(model, batches, SITES, grouping)
    assert len(copies) == 2


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_variants_do_not_wait(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variants = [Variant.full(2), Variant.without(2, (1,))]
    with FakeTensorMode(allow_non_fake_inputs=True), CopiesToHost() as to_host:
        model = on_meta(name, monkeypatch)
        for batch in make_batches(WINDOWS, 0, padding_per_batch=None):
            for _, hidden in walk(model, batch.to("meta"), variants):
                assert tail_logits(model, hidden[0]).device.type == "meta"
    assert to_host.count == 0


def test_these_checks_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = on_meta("llama", monkeypatch)
        (batch,) = make_batches(WINDOWS, 0, padding_per_batch=None)
        model.blocks[0].register_forward_hook(lambda _module, _args, output: output + torch.ones(64))
        with pytest.raises(Exception, match="at least two devices, meta and cpu"):
            measure_batches(model, [batch])
        model.blocks[0]._forward_hooks.clear()
        model.blocks[0].register_forward_hook(lambda _module, _args, output: output.sum().item() and None)
        with pytest.raises(Exception, match="_local_scalar_dense"):
            measure_batches(model, [batch])
