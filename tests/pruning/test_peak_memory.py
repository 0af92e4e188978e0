from __future__ import annotations

import pytest
import torch
from random_models import build
from torch.profiler import ProfilerActivity, profile

from avss_core.pruning.peak_memory import peak_extra_bytes

CPU = torch.device("cpu")
KILO = 1024


def zeros(kilobytes: int) -> torch.Tensor:
    return torch.zeros(kilobytes * KILO, dtype=torch.uint8)


def test_what_lives_at_the_same_time_is_added_up() -> None:
    def task() -> None:
        first, second = zeros(10), zeros(20)
        del first
        third = zeros(5)
        del second, third
        zeros(7)

    assert peak_extra_bytes(CPU, task) == 30 * KILO


def test_views_and_changes_in_place_need_nothing() -> None:
    held = zeros(100)

    def task() -> None:
        held.view(10, -1)[2:].t().add_(1)
        made = zeros(3)
        made[:KILO].mul_(2)
        held[: 3 * KILO] = made

    assert peak_extra_bytes(CPU, task) == 3 * KILO


def test_a_view_keeps_what_it_looks_at() -> None:
    def task() -> None:
        part = zeros(50)[:1]
        zeros(10)
        del part

    assert peak_extra_bytes(CPU, task) == 60 * KILO


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen2", "bert"])
def test_a_forward_pass_against_torchs_own_record_of_allocations(name: str) -> None:
    network, ids = build(name), torch.arange(96).reshape(1, 96)

    def task() -> None:
        with torch.no_grad():
            network(input_ids=ids)

    task()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        task()
    held, peak = 0, 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    # Scratch memory inside an operation is in the record alone.
    assert 0.9 * peak <= peak_extra_bytes(CPU, task) <= peak
