"""Add one block's activations at one site to running sums: the common part of the two ways to do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avss_core.activations.moments_from_sums import SiteSums
from avss_core.activations.plain_accumulator import PlainAccumulator
from avss_core.activations.token_groups import TokenGroups

_fused: Callable[[int, int], Accumulator] | None
try:
    from avss_core.activations.fused_accumulator import FusedAccumulator

    _fused = FusedAccumulator
except ImportError:  # numba comes late to a new Python or NumPy; ordinary operations measure the same, more slowly
    _fused = None


class Accumulator(Protocol):
    """Running sums of one site over all blocks."""

    def add(self, block: int, after: Tensor, before: Tensor | None, groups: TokenGroups) -> None:
        """Add a = after − before (a = after without `before`), each (rows, features), of a batch with these groups."""
        ...

    def end_batch(self, groups: TokenGroups) -> None:
        """Called when all blocks of a batch have been added."""
        ...

    def pack(self) -> Tensor:
        """What lies on the device, as one row of int64."""
        ...

    def sums(self, packed: NDArray[np.int64]) -> SiteSums:
        """Everything that was added; `packed` is what `pack` gave, on the host."""
        ...


def sum_dtype(device: torch.device) -> torch.dtype:
    """The type statistics add up in on a device: float64, on mps float32 with compensation."""
    return torch.float32 if device.type == "mps" else torch.float64


def accumulator_for(
    device: torch.device, n_blocks: int, n_groups: int, dtype: torch.dtype, plain: bool = False
) -> Accumulator:
    """The fused one in main memory, the plain one on any other device (when asked for, or without numba)."""
    if _fused is not None and device.type == "cpu" and dtype == torch.float64 and not plain:
        return _fused(n_blocks, n_groups)
    return PlainAccumulator(n_blocks, n_groups, device, dtype)


def read_out(accumulators: Mapping[str, Accumulator], counts: Tensor) -> tuple[dict[str, SiteSums], NDArray[np.int64]]:
    """The sums of all sites, and `counts`, on the host: the only copy from the device, and the only wait for it."""
    packed = [counts, *(accumulator.pack() for accumulator in accumulators.values())]
    sizes = [part.numel() for part in packed]
    on_host = np.split(to_host(torch.cat(packed)), np.cumsum(sizes[:-1]))
    sums = {site: acc.sums(part) for (site, acc), part in zip(accumulators.items(), on_host[1:], strict=True)}
    return sums, on_host[0]


def to_host(values: Tensor) -> NDArray[np.int64]:
    """Copy from the device."""
    return np.asarray(values.cpu().numpy())
