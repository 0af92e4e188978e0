"""The memory a pass takes at its height, beside what is held when it begins."""

from __future__ import annotations

from pathlib import Path

import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakBytes:
    """Counts from when it is made.

    On CUDA what torch's allocator has given out; on Linux the high-water mark of this process, so memory that was
    freed before and is used again does not show; None elsewhere.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before: int | None = None
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device)
        elif device.type == "cpu" and _STATUS.is_file():
            try:
                _RESET.write_text("5")
            except OSError:  # not allowed in some containers; then it is not known
                return
            self._before = _of_process("VmRSS")

    def bytes(self) -> int | None:
        """Bytes above the beginning at the height so far; None where there is no such count."""
        if self._before is None:
            return None
        cuda = self._device.type == "cuda"
        peak = torch.cuda.max_memory_allocated(self._device) if cuda else _of_process("VmHWM")
        return max(0, peak - self._before)


def _of_process(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
