"""Measuring leaves the network as it was, and needs no more memory for more text."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
import torch
from measured_by_hand import random_windows
from random_models import build
from torch import nn

from avss_core.activations.collector import Collector
from avss_core.activations.forward import run_base
from avss_core.activations.measure import measure
from avss_core.activations.packed import pack_windows
from avss_core.activations.sites import find_sites
from avss_core.corpora.batches import make_batches
from avss_core.errors import ModelError, NumericalError, SettingError
from avss_core.models.load import LoadedModel, wrap

SITES = ("residual", "update", "mlp", "attention")


def hooks_on(network: nn.Module) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) + ("_apply_gate" in module.__dict__)
        for module in network.modules()
    )


@pytest.fixture(params=["llama", "mixtral", "gpt2"])
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return wrap(build(request.param), tokenizer=None)


def test_no_hook_is_left(model: LoadedModel) -> None:
    (batch,) = make_batches(random_windows(4, 4), 0)
    with Collector(model, SITES) as collector:
        collector.begin(batch)
        run_base(model, batch)
        assert hooks_on(model.network) >= 4 * model.n_blocks
    assert hooks_on(model.network) == 0
    collector.profile()
    pack_windows(model, random_windows(4, 4))
    assert hooks_on(model.network) == 0


def test_no_hook_is_left_after_an_error(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        measure(model, random_windows(4), SITES, between_batches=fail)
    assert hooks_on(model.network) == 0
    with monkeypatch.context() as patch:
        patch.setattr(model.blocks[2], "forward", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            measure(model, random_windows(4), SITES)
    assert hooks_on(model.network) == 0
    last = find_sites(model).taps["attention"][-1]
    with monkeypatch.context() as patch:
        patch.setattr(type(last), "attach", fail)
        with pytest.raises(RuntimeError, match="out of memory"), Collector(model, SITES):
            pass
    assert hooks_on(model.network) == 0


def test_no_hook_is_left_when_the_sites_cannot_be_found() -> None:
    model = wrap(build("llama"), tokenizer=None)
    handle = model.blocks[3].register_forward_pre_hook(lambda _module, _args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        measure(model, random_windows(4))
    handle.remove()
    assert hooks_on(model.network) == 0


def test_two_collectors_at_once_do_not_disturb_each_other(model: LoadedModel) -> None:
    (batch,) = make_batches(random_windows(5, 5), 0)
    with Collector(model, SITES) as outer:
        outer.begin(batch)
        with Collector(model, SITES) as inner:
            inner.begin(batch)
            run_base(model, batch)
        assert hooks_on(model.network) > 0
    a, b = outer.profile(), inner.profile()
    assert all((a.sites[site].m2 == b.sites[site].m2).all() for site in SITES)
    assert hooks_on(model.network) == 0


def test_the_network_answers_the_same_while_it_is_measured(model: LoadedModel) -> None:
    ids = torch.randint(3, 100, (2, 9))
    (batch,) = make_batches(random_windows(9, 9), 0)
    with torch.no_grad():
        expected = model.network(ids).logits
        with Collector(model, SITES) as collector:
            collector.begin(batch)
            assert (model.network(ids).logits == expected).all()


def test_a_batch_that_was_not_announced_is_a_mistake() -> None:
    model = wrap(build("llama"), tokenizer=None)
    (batch,) = make_batches(random_windows(4), 0)
    (other,) = make_batches(random_windows(6), 0)
    with Collector(model) as collector, pytest.raises(RuntimeError, match="begin"):
        run_base(model, batch)
    with Collector(model) as collector:
        collector.begin(batch)
        with pytest.raises(ModelError, match="puts out 6 tokens at site residual for a batch of 4"):
            run_base(model, other)
    with pytest.raises(SettingError, match="No token was measured"):
        measure(model, [])


def tensor_bytes() -> int:
    gc.collect()
    tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
    return sum({tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}.values())


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("plain", [False, True], ids=["fused", "plain"])
@pytest.mark.usefixtures("traced")
def test_memory_does_not_grow_with_the_text(plain: bool) -> None:
    """Tensors and NumPy arrays alive after 3 batches and after 15: the same, to a few kilobytes of bookkeeping."""
    model = wrap(build("llama"), tokenizer=None)
    (batch,) = make_batches(random_windows(40, 40), 0)
    one_pass = 4 * 80 * (64 + 64 + 64 + 128) * 4  # bytes of one batch's activations at the four sites
    with Collector(model, SITES, plain=plain) as collector:
        held = []
        for number in range(15):
            collector.begin(batch)
            run_base(model, batch)
            if number in (2, 14):
                held.append(tensor_bytes() + tracemalloc.get_traced_memory()[0])
    assert held[1] - held[0] < 0.1 * one_pass
    assert collector.profile().tokens == 15 * 80


def test_numerical_trouble_leaves_no_hook_either() -> None:
    model = wrap(build("llama"), tokenizer=None)
    model.blocks[0].mlp.down_proj.weight.data.fill_(torch.nan)
    with pytest.raises(NumericalError):
        measure(model, random_windows(4))
    assert hooks_on(model.network) == 0
