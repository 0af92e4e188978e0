"""The size of each block's parameters; no text is needed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from avss_core.corpora.windows import Window
from avss_core.importance.methods.magnitude import MAGNITUDE
from avss_core.importance.passes.measured import Done, Measured, sum_dtype
from avss_core.importance.settings import RankSettings
from avss_core.importance.sums import rows_of
from avss_core.models.load import LoadedModel


def weights_pass(model: LoadedModel, windows: Sequence[Window], settings: RankSettings, done: Done) -> Measured:
    """Σ |w| over the parameters of each block; a shard more measures the same again, which the mean does not show."""
    kind = sum_dtype(model.device)
    sums = [
        torch.stack([weight.detach().abs().sum(dtype=kind) for weight in block.parameters()]).sum()
        for block in model.blocks
    ]
    done(1.0)
    values = torch.stack(sums).cpu().double().numpy()
    return Measured([rows_of(MAGNITUDE, [windows[0].document], values[None], torch.ones(1).numpy())], block_tokens=0.0)
