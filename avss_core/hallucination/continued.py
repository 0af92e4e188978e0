"""Prompts with a common beginning, read once into a cache of keys and values and then continued, many at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from avss_core.errors import NumericalError
from avss_core.models.positions import first_position_of
from avss_core.models.quiet import quiet

ROWS = 64  # sequences that are run together
Prompt = tuple[int, ...]
Stop = Callable[[], None]
# logits (going, vocabulary), the step from 0, and which sequences are still going -> their tokens (going,)
Choose = Callable[[Tensor, int, list[int]], Tensor]


class Reading:
    """Sequences in a cache; `logits` (rows, vocabulary) in float32 are of the token after each."""

    def __init__(self, network: PreTrainedModel, cache: Any, mask: Tensor) -> None:
        self._network, self._cache, self._mask = network, cache, mask
        self._first = first_position_of(network)
        self.logits = torch.empty(0)

    def add(self, ids: Tensor, mask: Tensor) -> None:
        """Read on: ids and mask, both (rows, tokens), the mask 0 where a token is padding."""
        self._mask = torch.cat([self._mask, mask], dim=1)
        settings: dict[str, Any] = {"attention_mask": self._mask, "past_key_values": self._cache, "use_cache": True}
        if self._first is not None:
            positions = (self._mask.cumsum(dim=1) - 1).clamp(min=0) + self._first
            settings["position_ids"] = positions[:, -ids.shape[1] :]
        with torch.inference_mode(), quiet():
            found = self._network(input_ids=ids, logits_to_keep=1, **settings)
        self.logits = found.logits[:, -1].float()
        if torch.isnan(self.logits).any():
            raise NumericalError(
                "A logit of the next token is not a number, so no token can be chosen; load the model with "
                "--dtype float32."
            )

    def repeated(self, copies: int) -> Reading:
        """The same sequences, each `copies` times in a row; this one is as it was."""
        cache = copy.deepcopy(self._cache)
        rows = torch.arange(len(self._mask), device=self._mask.device)
        cache.reorder_cache(rows.repeat_interleave(copies))  # which every kind of layer's cache can do
        other = Reading(self._network, cache, self._mask.repeat_interleave(copies, dim=0))
        other.logits = self.logits.repeat_interleave(copies, dim=0)
        return other

    def keep(self, rows: list[int]) -> None:
        """Forget all sequences but these."""
        which = torch.tensor(rows, device=self._mask.device)
        self._cache.reorder_cache(which)
        self._mask, self.logits = self._mask[which], self.logits[which]


def readings(
    network: PreTrainedModel, prompts: Sequence[Prompt], rows: int = ROWS
) -> Iterator[tuple[list[int], Reading]]:
    """Batches of at most `rows` prompts (token ids, none empty): which prompts, and they as a Reading.

    What all prompts begin with is read once. Prompts of like length stand together; padding is between the common
    beginning and the rest and is masked out, so a prompt does not depend on those beside it, rounding aside.
    """
    shared = _common(prompts) if _sees_all(network, max(map(len, prompts))) else 0
    start = _empty(network)
    if shared:
        ids = torch.tensor([prompts[0][:shared]], device=network.device)
        start.add(ids, torch.ones_like(ids))
    by_length = sorted(range(len(prompts)), key=lambda number: -len(prompts[number]))
    for first in range(0, len(by_length), rows):
        numbers = by_length[first : first + rows]
        reading = start.repeated(len(numbers)) if shared else _empty(network, len(numbers))
        reading.add(*_padded([prompts[number][shared:] for number in numbers], network.device))
        yield numbers, reading


def write_on(
    reading: Reading,
    choose: Choose,
    ends: frozenset[int],
    most_tokens: int,
    between: Stop = lambda: None,
) -> list[list[int]]:
    """The tokens written after each sequence, up to and with the first of `ends`; the reading is used up.

    choose is given only the sequences that go on. between is called before every step and may raise Cancelled.
    """
    written: list[list[int]] = [[] for _ in range(len(reading.logits))]
    going = list(range(len(written)))
    for step in range(most_tokens):
        between()
        chosen = choose(reading.logits, step, going)
        for row, token in zip(going, chosen.tolist(), strict=True):
            written[row].append(token)
        left = [place for place, row in enumerate(going) if written[row][-1] not in ends]
        if not left or step == most_tokens - 1:
            break
        if len(left) < len(going):  # most answers are short: a few long ones should not drag the others along
            reading.keep(left)
            chosen, going = chosen[left], [going[place] for place in left]
        reading.add(chosen[:, None], torch.ones_like(chosen[:, None]))
    return written


def _empty(network: PreTrainedModel, rows: int = 1) -> Reading:
    mask = torch.ones((rows, 0), dtype=torch.long, device=network.device)
    return Reading(network, DynamicCache(config=network.config), mask)


def _common(prompts: Sequence[Prompt]) -> int:
    """How many tokens all prompts begin with; each keeps at least one of its own."""
    first, last = min(prompts), max(prompts)  # what these two share, those between them share
    most = min(map(len, prompts)) - 1
    return next((place for place in range(most) if first[place] != last[place]), most)


def _sees_all(network: PreTrainedModel, tokens: int) -> bool:
    """Whether every token attends to all before it, wherever it stands, so that there may be padding in the middle.

    That would push tokens out of a sliding window, away from others by MPT's distances, which count places and not
    tokens, and into the state of a recurrent or convolutional layer.
    """
    config = network.config.get_text_config()
    windows = [getattr(config, name, None) for name in ("sliding_window", "window_size")]
    kinds = set(getattr(config, "layer_types", None) or ())
    plain = kinds <= {"full_attention", "sliding_attention"} and config.model_type != "mpt"
    return plain and all(window is None or window > 2 * tokens for window in windows)


def _padded(rests: Sequence[Prompt], device: torch.device) -> tuple[Tensor, Tensor]:
    """ids and mask, (rows, longest), padded on the left with id 0."""
    width = max(map(len, rests))
    ids = torch.zeros((len(rests), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, rest in enumerate(rests):
        ids[row, width - len(rest) :] = torch.tensor(rest)
        mask[row, width - len(rest) :] = 1
    return ids.to(device), mask.to(device)
