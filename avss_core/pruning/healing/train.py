"""Healing with training: adapters on the kept blocks, and on the whole model, which is given the same."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel

from avss_core.corpora.batches import Batch
from avss_core.corpora.windows import Window
from avss_core.errors import CutError, ModelError
from avss_core.models.load import LoadedModel
from avss_core.pruning.healing.answers import Answer, ask
from avss_core.pruning.healing.healed import healed_network
from avss_core.pruning.healing.linear_map import LinearMap
from avss_core.pruning.healing.lora import Adapter, Learner
from avss_core.pruning.healing.objective import objective
from avss_core.pruning.healing.settings import TrainingSettings
from avss_core.pruning.healing.steps import Losses, Step
from avss_core.pruning.healing.stretches import stretches_of
from avss_core.pruning.healing.training_batches import training_batches
from avss_core.tasks.next_token import Predicted, predicted_tokens
from avss_core.variants.variant import Variant


@dataclass(frozen=True, eq=False)
class Trained:
    """Healing with training of one cut: networks with their adapters merged, the adapters alone, the loss curve.

    control, control_adapter: of the whole model given the same training; None when it was not asked for, or stays as
    it is since it learns from its own answers alone (compare with the original then). Fewer steps than the settings
    say: it was stopped.
    """

    variant: Variant
    settings: TrainingSettings
    steps: tuple[Step, ...] = field(repr=False)
    network: PreTrainedModel
    adapter: Adapter
    control: PreTrainedModel | None
    control_adapter: Adapter | None

    @property
    def complete(self) -> bool:
        """Whether all steps were made."""
        return len(self.steps) == self.settings.steps

    @property
    def sentence(self) -> str:
        """What was done, for people and for a model card."""
        return training_sentence(self.settings, self.steps)


def training_sentence(settings: TrainingSettings, steps: Sequence[Step]) -> str:
    """What was done, for people and for a model card."""
    wanted = {
        "the loss of the next token": settings.next_token,
        f"the {settings.teacher} model's predictions": settings.logits,
        f"the {settings.teacher} model's hidden states": settings.states,
    }
    by = ", ".join(f"{what} (× {weight:g})" for what, weight in wanted.items() if weight)
    tokens = steps[-1].tokens if steps else 0
    return (
        f"LoRA adapters of rank {settings.rank} on the kept blocks were trained for {len(steps)} steps "
        f"on {tokens} tokens by {by}, and merged into the weights."
    )


class Training:
    """Trains while `steps` is iterated; stop iterating and it stops. `result` may be taken at any time.

    model, variant: what was cut; both networks are made here and share the original's weights, which stay as they
    are. maps: of `heal_linear`, to begin from there. windows: of the calibration part of a corpus, never of the part
    that is evaluated.

    Raises ModelError for a network that does not predict the next token, CutError when the variant is of another
    model, CorpusError when no window has a token to predict.
    """

    def __init__(
        self,
        model: LoadedModel,
        variant: Variant,
        windows: Sequence[Window],
        settings: TrainingSettings | None = None,
        maps: Sequence[LinearMap] = (),
    ) -> None:
        if not model.predicts_next_token:
            raise ModelError(
                f"{type(model.network).__name__} does not predict the next token, so it cannot be trained on text "
                "alone; heal it without training."
            )
        if variant.n_blocks != model.n_blocks:
            raise CutError(
                f"A cut of {variant.n_blocks} blocks does not fit {type(model.network).__name__}, which has "
                f"{model.n_blocks}; make the cut for this model."
            )
        self._model, self._variant, self.settings = model, variant, settings or TrainingSettings()
        # A gap at the very beginning has no block before it that could learn to come nearer.
        self._gaps = [stretch for stretch in stretches_of(variant) if stretch.place] if self.settings.states else []
        pad = getattr(model.tokenizer, "pad_token_id", None)
        self._batches = training_batches(windows, self.settings.sequences, pad, self.settings.seed)
        self._next_batch: Batch = next(self._batches)
        self._pruned = Learner(healed_network(model, variant, maps), model.blocks_path, self.settings)
        self._control: Learner | None = None
        if self.settings.trains_control:
            whole = healed_network(model, Variant.full(model.n_blocks))
            self._control = Learner(whole, model.blocks_path, self.settings)
        self._done: list[Step] = []
        self._trained: Trained | None = None

    @property
    def steps_done(self) -> tuple[Step, ...]:
        """The loss curve so far; it stays when training is stopped or fails."""
        return tuple(self._done)

    def steps(self) -> Iterator[Step]:
        """Make the steps that are left, one for each item that is asked for.

        Raises NumericalError when a loss is not finite; the steps before it stay.
        """
        started = time.perf_counter() - (self._done[-1].seconds if self._done else 0.0)
        while self._trained is None and len(self._done) < self.settings.steps:
            batch = self._next_batch.to(self._model.device)
            rate = self.settings.learning_rate_at(len(self._done))
            losses = self._step(batch, rate)
            self._next_batch = next(self._batches)
            tokens = batch.tokens + (self._done[-1].tokens if self._done else 0)
            self._done.append(Step(len(self._done) + 1, tokens, time.perf_counter() - started, rate, *losses))
            yield self._done[-1]

    def adapters(self) -> tuple[Adapter, Adapter | None]:
        """The adapters of the pruned model and of the control as they are now (None: there is no control)."""
        return self._pruned.adapter(), None if self._control is None else self._control.adapter()

    def result(self) -> Trained:
        """Merge the adapters of the steps made so far; ends the training (no step follows)."""
        if self._trained is None:
            self._trained = self._merge()
        return self._trained

    def _merge(self) -> Trained:
        network, adapter = self._pruned.finish()
        control, control_adapter = (None, None) if self._control is None else self._control.finish()
        return Trained(self._variant, self.settings, self.steps_done, network, adapter, control, control_adapter)

    def _step(self, batch: Batch, learning_rate: float) -> tuple[Losses, Losses | None]:
        """Control first: as it is before its update it is also the teacher, where it is one."""
        predicted = predicted_tokens(batch)
        targets = predicted.targets.to(self._model.device)
        teacher = self._original(batch, predicted)
        of_control: Losses | None = None
        if self._control is not None:
            taps = [self._control.blocks[gap.last] for gap in self._gaps]
            answer = ask(self._control.network, self._control.blocks, batch, predicted, taps)
            loss, of_control = objective(self._model, answer, teacher, targets, self.settings)
            self._control.learn(loss, learning_rate)
            if self.settings.teacher == "control":
                teacher = answer.detach()
        taps = [self._pruned.blocks[gap.place - 1] for gap in self._gaps]
        answer = ask(self._pruned.network, self._pruned.blocks, batch, predicted, taps)
        loss, of_pruned = objective(self._model, answer, teacher, targets, self.settings)
        self._pruned.learn(loss, learning_rate)
        return of_pruned, of_control

    def _original(self, batch: Batch, predicted: Predicted) -> Answer | None:
        if not self.settings.distils or self.settings.teacher != "original":
            return None
        with torch.no_grad():
            blocks = self._model.blocks
            return ask(self._model.network, blocks, batch, predicted, [blocks[gap.last] for gap in self._gaps])
