from __future__ import annotations

from pathlib import Path

import pytest
import torch

from avss_core.importance.peak_bytes import PeakBytes

MEGABYTE = 2**20


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the high-water mark is read from Linux's /proc")
def test_the_height_is_seen_after_the_memory_was_given_back() -> None:
    memory = PeakBytes(torch.device("cpu"))
    held = torch.ones(64 * MEGABYTE // 4)
    del held
    found = memory.bytes()
    assert found is not None
    assert 60 * MEGABYTE < found < 200 * MEGABYTE


def test_a_device_without_a_count_says_that_it_is_not_known() -> None:
    assert PeakBytes(torch.device("meta")).bytes() is None
