"""Contrastive training: adapters on chosen blocks learn from a model's own answers, right and made up. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from avss_core.errors import CorpusError, CutError, ModelError
from avss_core.hallucination.mitigation.infonce import info_nce
from avss_core.hallucination.mitigation.settings import MitigationSettings
from avss_core.hallucination.mitigation.steps import ContrastStep
from avss_core.models.load import LoadedModel
from avss_core.pruning.healing.healed import healed_network
from avss_core.pruning.healing.lora import Adapter, Learner
from avss_core.variants.block_output import block_output
from avss_core.variants.variant import Variant

_IGNORED = -100


@dataclass(frozen=True)
class Told:
    """One answer as tokens. question: where the question itself begins in the prompt, after the solved examples."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    truthful: bool
    question: int = 0


class ContrastiveTraining:
    """Trains while `steps` is iterated; stop iterating and it stops. The original's weights stay as they are.

    told: answers of the training part, each with a token at least. blocks: which of them learn, and whose states are
    contrasted. Where there are fewer than `settings.answers` of a kind, every step has all of them. Raises CorpusError
    with fewer than 2 truthful answers or no made-up one, CutError for a block that does not exist, ModelError for a
    model that does not predict the next token.
    """

    def __init__(
        self, model: LoadedModel, told: Sequence[Told], blocks: Sequence[int], settings: MitigationSettings
    ) -> None:
        _check(model, blocks)
        self.settings, self.blocks = settings, tuple(sorted(blocks))
        self._model = model
        usable = [one for one in told if one.answer]
        self._truthful = [one for one in usable if one.truthful]
        self._made_up = [one for one in usable if not one.truthful]
        if len(self._truthful) < 2 or not self._made_up:
            raise CorpusError(
                f"There are {len(self._truthful)} truthful and {len(self._made_up)} made-up answers to learn from; at "
                "least 2 and 1 are needed: ask more questions, or take another judge."
            )
        network = healed_network(model, Variant.full(model.n_blocks))
        self._learner = Learner(network, model.blocks_path, settings.training, only=self.blocks)
        self._unwrap = block_output(model).unwrap
        self._draws = np.random.default_rng(settings.seed)
        self._done: list[ContrastStep] = []

    @property
    def steps_done(self) -> tuple[ContrastStep, ...]:
        """The loss curves so far."""
        return tuple(self._done)

    def steps(self) -> Iterator[ContrastStep]:
        """Make the steps that are left, one for each item; NumericalError when a loss is not finite."""
        started = time.perf_counter()
        while len(self._done) < self.settings.steps:
            rate = self.settings.training.learning_rate_at(len(self._done))
            told = self._draw()
            total, contrast, language, margin = self._losses(told)
            self._learner.learn(total, rate)
            tokens = sum(len(one.prompt) + len(one.answer) for one in told)
            self._done.append(
                ContrastStep(
                    number=len(self._done) + 1,
                    tokens=tokens + (self._done[-1].tokens if self._done else 0),
                    seconds=time.perf_counter() - started,
                    learning_rate=rate,
                    total=float(total.detach()),
                    contrast=float(contrast.detach()),
                    language=float(language.detach()),
                    margin=float(margin.detach()),
                )
            )
            yield self._done[-1]

    def adapter(self) -> Adapter:
        """The adapters as they are now, for the whole (unpruned) model."""
        return self._learner.adapter()

    def finish(self) -> tuple[PreTrainedModel, Adapter]:
        """The network with the adapters merged, and the adapters alone; no step can follow."""
        return self._learner.finish()

    def _draw(self) -> list[Told]:
        drawn = []
        for group in (self._truthful, self._made_up):
            places = self._draws.permutation(len(group))[: self.settings.answers]
            drawn += [group[place] for place in places]
        return drawn

    def _losses(self, told: Sequence[Told]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        device = self._model.device
        batch = _padded(told, self._model.tokenizer.pad_token_id or 0)
        truthful = torch.tensor([one.truthful for one in told], device=device)
        answer = batch.answer.to(device)
        pooled: dict[int, Tensor] = {}

        def pool(block: int, output: Any) -> None:
            states = self._unwrap(output).float()
            weights = answer / answer.sum(dim=1, keepdim=True)
            pooled[block] = (states * weights[:, :, None]).sum(dim=1)

        handles = [
            self._learner.blocks[block].register_forward_hook(
                lambda _module, _args, output, block=block: pool(block, output)
            )
            for block in self.blocks
        ]
        try:
            found = self._learner.network(input_ids=batch.ids.to(device), attention_mask=batch.mask.to(device))
        finally:
            for handle in handles:
                handle.remove()
        each = [info_nce(pooled[block], truthful, self.settings.temperature) for block in self.blocks]
        contrast = torch.stack([loss for loss, _ in each]).mean()
        margin = torch.stack([gap for _, gap in each]).mean()
        language = torch.nn.functional.cross_entropy(
            found.logits[truthful, :-1].flatten(0, 1).float(),
            batch.targets.to(device)[truthful, 1:].flatten(),
            ignore_index=_IGNORED,
        )
        total = self.settings.contrast * contrast + self.settings.language * language
        return total, contrast, language, margin


@dataclass(frozen=True)
class _Padded:
    """All (answers, tokens), padded on the right. answer: 1 at an answer's tokens. targets: the token, or _IGNORED."""

    ids: Tensor
    mask: Tensor
    answer: Tensor
    targets: Tensor


def _padded(told: Sequence[Told], pad: int) -> _Padded:
    shape = (len(told), max(len(one.prompt) + len(one.answer) for one in told))
    ids, targets = torch.full(shape, pad), torch.full(shape, _IGNORED)
    mask, answer = torch.zeros(shape, dtype=torch.long), torch.zeros(shape)
    for row, one in enumerate(told):
        tokens = torch.tensor(one.prompt + one.answer)
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        answer[row, len(one.prompt) : len(tokens)] = 1
        targets[row, one.question : len(tokens)] = tokens[one.question :]
    return _Padded(ids, mask, answer, targets)


def _check(model: LoadedModel, blocks: Sequence[int]) -> None:
    if not model.predicts_next_token:
        raise ModelError(
            f"{type(model.network).__name__} does not predict the next token, so it writes no answers to learn from; "
            "use a causal language model."
        )
    strange = [block for block in blocks if not 0 <= block < model.n_blocks]
    if strange or not blocks:
        raise CutError(
            f"Block {strange[0]} cannot be trained: the model has blocks 0 to {model.n_blocks - 1}."
            if strange
            else "No block is chosen to be trained; choose at least one."
        )
