"""What is gained by a cut: speed, latency and memory of the pruned model beside the original, measured in turns."""

from __future__ import annotations

import time
from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from avss_core.models.load import LoadedModel
from avss_core.pruning import gain_table
from avss_core.pruning.cut import Cut
from avss_core.pruning.gain_table import GainSettings
from avss_core.pruning.generate import generate_tokens, require_room
from avss_core.pruning.generation import Sampling
from avss_core.pruning.peak_memory import peak_extra_bytes
from avss_core.variants.physical import pruned_network
from avss_core.variants.plain_call import plain_arguments

_SEED = 0
Values = dict[str, float]


def measure_gain(
    model: LoadedModel,
    cut: Cut,
    settings: GainSettings | None = None,
    between: Callable[[int], None] = lambda rounds_done: None,
    network: PreTrainedModel | None = None,
) -> pd.DataFrame:
    """One row a quantity, as `gain_table.gain_table` describes, of the original and of the pruned model.

    Both do exactly the same work on the same random tokens, in turns: each piece of work is done by one and at once
    by the other, and every second round the pruned one begins, so that what else the machine does meets both alike.
    One round before, for warming up, is not counted. between: called after every round with the number of those
    counted so far, from 0 on; may raise Cancelled. network: measured in place of the plain cut (a healed model).

    A model that does not predict next tokens has no rows of generation. Raises SettingError when the model has fewer
    positions than the settings ask for, and what `pruned_network` raises.
    """
    settings = settings or GainSettings()
    require_room(model, settings.tokens, 0)
    if model.predicts_next_token:
        require_room(model, settings.prompt_tokens, settings.new_tokens)
    pruned = pruned_network(model, cut.kept) if network is None else network
    original, smaller = (_Subject(model, each, settings) for each in (model.network, pruned))
    for done in range(settings.rounds + 1):
        pair = (smaller, original) if done % 2 else (original, smaller)
        for work in original.timed_work():
            for subject in pair:
                subject.note(work(subject), counts=done > 0)
        between(done)
    return gain_table.gain_table(original.readings(), smaller.readings())


class _Subject:
    """One of the two models, and what has been read of it so far."""

    def __init__(self, model: LoadedModel, network: PreTrainedModel, settings: GainSettings) -> None:
        self.network = network
        self.settings = settings
        self._device = model.device
        self._plain = plain_arguments(model)
        self._writes, self._has_head = model.predicts_next_token, model.has_lm_head
        self._timings: dict[str, list[float]] = {}

    def timed_work(self) -> list[Callable[[_Subject], Values]]:
        """What a round consists of, each piece to be done by both."""
        with_head = [_Subject.forward] if self._has_head else []
        return [_Subject.forward_base, *with_head, *([_Subject.write] if self._writes else [])]

    def note(self, values: Values, counts: bool) -> None:
        """Keep what a piece of work gave, unless it was for warming up."""
        for name, value in values.items():
            if counts:
                self._timings.setdefault(name, []).append(value)

    def forward_base(self) -> Values:
        """One pass, tokens -> final hidden states."""
        return {gain_table.FORWARD_BASE.name: self.settings.tokens / self._seconds_of(self.network.base_model)}

    def forward(self) -> Values:
        """One pass, tokens -> logits at every one of them."""
        return {gain_table.FORWARD.name: self.settings.tokens / self._seconds_of(self.network)}

    def write(self) -> Values:
        """Read the prompt and write all the new tokens, past any token that would end the text."""
        times: list[float] = []
        ids, sampling = self._random_ids(self.settings.prompt_tokens), Sampling(self.settings.new_tokens)
        started = self._now()
        generate_tokens(self.network, ids, sampling, lambda _: times.append(self._now()), to_the_end=True)
        return {
            gain_table.FIRST_TOKEN.name: times[0] - started,
            gain_table.NEXT_TOKEN.name: (times[-1] - times[0]) / (len(times) - 1),
        }

    def readings(self) -> gain_table.Readings:
        """The timings of all rounds, and what is read once since it cannot vary."""
        weights = list(self.network.parameters())
        ids = self._random_ids(self.settings.tokens)
        read: dict[str, list[float]] = {
            gain_table.PARAMETERS.name: [sum(weight.numel() for weight in weights)],
            gain_table.WEIGHT_BYTES.name: [sum(weight.nbytes for weight in weights)],
            gain_table.PEAK_BYTES.name: [peak_extra_bytes(self._device, lambda: self._pass(self.network, ids))],
        }
        cache = self._cache_bytes() if self._writes else 0
        return {**read, **({gain_table.CACHE_BYTES.name: [cache]} if cache else {}), **self._timings}

    def _cache_bytes(self) -> int:
        """Keys and values kept of prompt and new tokens, so that they need not be read again for the next one.

        0 of a model that keeps none: Mamba and RWKV hand on a state, which does not grow with the text.
        """
        ids = self._random_ids(self.settings.prompt_tokens + self.settings.new_tokens)
        with torch.no_grad():
            answer = self.network(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True)
        layers = getattr(getattr(answer, "past_key_values", None), "layers", ())
        kept = (value for layer in layers for value in vars(layer).values())
        return sum(value.nbytes for value in kept if isinstance(value, Tensor))

    def _random_ids(self, tokens: int) -> Tensor:
        """The same for both models, (1, tokens)."""
        size = self.network.config.get_text_config().vocab_size
        drawn = torch.randint(size, (1, tokens), generator=torch.Generator().manual_seed(_SEED))
        return drawn.to(self._device)

    def _pass(self, module: nn.Module, ids: Tensor) -> None:
        with torch.no_grad():
            module(input_ids=ids, attention_mask=torch.ones_like(ids), **self._plain)

    def _seconds_of(self, module: nn.Module) -> float:
        ids = self._random_ids(self.settings.tokens)
        started = self._now()
        self._pass(module, ids)
        return self._now() - started

    def _now(self) -> float:
        """The time when all work given to the device is done."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        elif self._device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter()
