"""Add one block's activations at one site to running sums: the common part of the two ways to do it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from avss_core.activations.fused_accumulator import FusedAccumulator
from avss_core.activations.moments import SiteMoments
from avss_core.activations.plain_accumulator import PlainAccumulator
from avss_core.activations.token_groups import TokenGroups


class Accumulator(Protocol):
    """Running sums of one site over all blocks."""

    def add(self, block: int, after: Tensor, before: Tensor | None, groups: TokenGroups) -> None:
        """Add a = after − before (a = after without `before`), each (rows, features)."""
        ...

    def finish(self, tokens: np.ndarray, sequences: np.ndarray) -> SiteMoments:
        """The moments of everything added, copied to the host."""
        ...


def accumulator_for(device: torch.device, n_blocks: int, group_names: tuple[str, ...], plain: bool = False) -> Accumulator:
    """The fused one in main memory, the plain one on any other device (or when asked for)."""
    if device.type == "cpu" and not plain:
        return FusedAccumulator(n_blocks, group_names)
    return PlainAccumulator(n_blocks, group_names)
