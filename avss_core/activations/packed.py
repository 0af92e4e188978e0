"""Several windows one after another in one row, so that no place is lost to padding.

Each window's positions start at 0 again and no window sees another. There are two ways to ask a network for that, and
not every network knows one of them; which way works is found out by trying, once for each network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from avss_core.corpora.batches import Batch
from avss_core.corpora.windows import Window
from avss_core.errors import ModelError
from avss_core.models.load import LoadedModel
from avss_core.models.positions import first_position
from avss_core.variants.plain_call import plain_arguments

Arguments = dict[str, Tensor | None]


@dataclass(frozen=True, eq=False)
class PackedBatch(Batch):
    """One row of windows without padding.

    `window` and `place`, both (1, tokens): which of `windows` a token belongs to, and its place in that window.
    """

    window: Tensor
    place: Tensor

    def to(self, device: torch.device | str) -> PackedBatch:
        """Return the batch on another device."""
        tensors = (self.input_ids, self.attention_mask, self.window, self.place)
        ids, mask, window, place = (tensor.to(device) for tensor in tensors)
        return PackedBatch(ids, mask, self.windows, window, place)


def pack_windows(model: LoadedModel, windows: Sequence[Window], tokens_per_batch: int = 2048) -> list[PackedBatch]:
    """Put the windows, in order, into rows of at most `tokens_per_batch` tokens (a longer window has its own row).

    Raises ModelError when the network offers no way to keep the windows of a row apart; use padded batches then.
    """
    if model.network not in _known:
        _known[model.network] = _find_way(model)
    if _known[model.network] is None:
        raise ModelError(
            f"{type(model.network).__name__} would let the texts of one row see each other, so they cannot be packed; "
            "use batches with padding."
        )
    batches: list[PackedBatch] = []
    row: list[Window] = []
    for window in windows:
        if row and sum(map(len, row)) + len(window) > tokens_per_batch:
            batches.append(_pack(row))
            row = []
        row.append(window)
    return [*batches, _pack(row)] if row else batches


def packed_arguments(model: LoadedModel, batch: PackedBatch) -> Arguments:
    """What `model.base` is called with, beside the ids, so that the windows of a batch packed for it stay apart."""
    way = _known.get(model.network)
    if way is None:
        raise ValueError("this batch was packed for another model; pack its windows for this one")
    return way(batch, first_position(model) or 0)


def _pack(row: list[Window]) -> PackedBatch:
    ids = torch.tensor([token for window in row for token in window.ids])[None]
    window = torch.repeat_interleave(torch.tensor([len(window) for window in row]))[None]
    place = torch.cat([torch.arange(len(window)) for window in row])[None]
    return PackedBatch(ids, torch.ones_like(ids), tuple(row), window, place)


def _by_positions(batch: PackedBatch, start: int) -> Arguments:
    """No mask, and positions that start again: the network itself keeps apart what lies between two starts."""
    return {"attention_mask": None, "position_ids": batch.place + start}


def _by_causal_mask(batch: PackedBatch, start: int) -> Arguments:
    tokens = torch.arange(batch.window.shape[1], device=batch.window.device)
    return {"attention_mask": _same_window(batch) & (tokens[:, None] >= tokens), "position_ids": batch.place + start}


def _by_full_mask(batch: PackedBatch, start: int) -> Arguments:
    return {"attention_mask": _same_window(batch), "position_ids": batch.place + start}


def _same_window(batch: PackedBatch) -> Tensor:
    """(1, 1, queries, keys) bool."""
    return (batch.window[:, :, None] == batch.window[:, None, :])[:, None]


_Way = Callable[[PackedBatch, int], Arguments]
_known: WeakKeyDictionary[nn.Module, _Way | None] = WeakKeyDictionary()


def _find_way(model: LoadedModel) -> _Way | None:
    """The first way in which two short texts, packed, leave the blocks as they do one by one."""
    if first_position(model) is None:
        return None
    windows = [Window(0, 0, (5, 3, 7, 4)), Window(1, 0, (6, 8, 2))]
    alone = [_last_output(model, _pack([window]), {"attention_mask": None}) for window in windows]
    expected, batch = torch.cat(alone, dim=1), _pack(windows).to(model.device)
    # One mask for all blocks would undo a sliding window, which so short a text cannot show.
    ways = (_by_positions,) if _has_local_attention(model) else (_by_positions, _by_causal_mask, _by_full_mask)
    for way in ways:
        found = _last_output(model, batch, way(batch, first_position(model) or 0))
        if (found - expected).norm() <= 0.02 * expected.norm():
            return way
    return None


def _last_output(model: LoadedModel, batch: PackedBatch, arguments: Arguments) -> Tensor:
    """The last block's output in float32, (1, tokens, hidden)."""
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _args: object, output: Tensor | tuple[Tensor, ...]) -> None:
        outputs.append((output if isinstance(output, Tensor) else output[0]).float())

    handle = model.blocks[-1].register_forward_hook(keep)
    try:
        with torch.no_grad():
            model.base(input_ids=batch.input_ids.to(model.device), **arguments, **plain_arguments(model))
    finally:
        handle.remove()
    return outputs[0]


def _has_local_attention(model: LoadedModel) -> bool:
    config = model.network.config.get_text_config()
    types = set(getattr(config, "layer_types", None) or ())
    return bool(types - {"full_attention"}) or any(
        getattr(config, name, None) for name in ("sliding_window", "local_attention", "attention_window")
    )
