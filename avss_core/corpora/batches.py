"""From windows to padded batches on a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from avss_core.corpora.windows import Window
from avss_core.errors import SettingError


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows as one rectangle of tokens.

    `input_ids` and `attention_mask`, both (sequences, tokens) of int64; the mask is 1 at real tokens and 0 at padding,
    which never counts. Row i holds `windows[i]`.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    windows: tuple[Window, ...]

    @property
    def tokens(self) -> int:
        """Number of real tokens."""
        return sum(map(len, self.windows))

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on another device."""
        return Batch(self.input_ids.to(device), self.attention_mask.to(device), self.windows)


# A batch more costs a small model on a processor about as much as this much padding (measured: 15 to 30 tokens for
# 135M parameters); a graphics processor, where a batch costs like thousands, wants no limit.
PADDING_PER_BATCH = 32


def make_batches(
    windows: Sequence[Window],
    pad_id: int | None,
    tokens_per_batch: int = 2048,
    side: str = "right",
    padding_per_batch: int | None = PADDING_PER_BATCH,
) -> list[Batch]:
    """Put every window into exactly one batch of at most `tokens_per_batch` tokens, padding included.

    A batch closes before the window that would take it over that number, or its padding over `padding_per_batch`
    (None: however much padding, as few batches as possible).
    Windows of like length stand together, longest first (the largest batch shows at once whether memory is enough);
    equal lengths keep their order, so the same windows always give the same batches. A window longer than the number
    is a batch of its own. `pad_id` None, as many decoders have it, pads with id 0: masked, so any id does. With
    `side="left"` a model with learned positions needs position ids from the mask.
    Raises SettingError for another side and for a batch of no tokens.
    """
    if side not in ("right", "left"):
        raise SettingError(f'Padding goes on the right or the left side, not "{side}".')
    if tokens_per_batch < 1:
        raise SettingError(f"A batch must hold at least 1 token, not {tokens_per_batch}.")
    batches: list[Batch] = []
    rows: list[Window] = []
    padding = 0
    for window in sorted(windows, key=len, reverse=True):  # stable
        if rows:
            width = len(rows[0])  # the first row is the longest
            padding += width - len(window)
            too_much_padding = padding_per_batch is not None and padding > padding_per_batch
            if too_much_padding or width * (len(rows) + 1) > tokens_per_batch:
                batches.append(_pad(rows, pad_id or 0, side))
                rows, padding = [], 0
        rows.append(window)
    if rows:
        batches.append(_pad(rows, pad_id or 0, side))
    return batches


def _pad(rows: list[Window], pad_id: int, side: str) -> Batch:
    width = len(rows[0])
    input_ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    attention_mask = torch.zeros((len(rows), width), dtype=torch.long)
    for row, window in enumerate(rows):
        real = slice(0, len(window)) if side == "right" else slice(width - len(window), width)
        input_ids[row, real] = torch.tensor(window.ids, dtype=torch.long)
        attention_mask[row, real] = 1
    return Batch(input_ids, attention_mask, tuple(rows))
