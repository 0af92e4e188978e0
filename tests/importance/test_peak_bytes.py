from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avss_core.importance.peak_bytes import PeakBytes

MEGABYTE = 2**20
# In a process of its own: one that has run other tests may give memory back just then, and the height does not rise.
IN_A_NEW_PROCESS = """
import torch
from avss_core.importance.peak_bytes import PeakBytes
memory = PeakBytes(torch.device("cpu"))
held = torch.ones(64 * 2**20 // 4)
del held
print(memory.bytes())
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the high-water mark is read from Linux's /proc")
def test_the_height_is_seen_after_the_memory_was_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS], capture_output=True, text=True, check=True)
    assert 60 * MEGABYTE < int(done.stdout) < 200 * MEGABYTE


def test_a_device_without_a_count_says_that_it_is_not_known() -> None:
    assert PeakBytes(torch.device("meta")).bytes() is None
