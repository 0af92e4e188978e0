"""Every healing of one cut, judged on the evaluation text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from avss_core.corpora.batches import Batch
from avss_core.corpora.windows import Window
from avss_core.models.load import LoadedModel
from avss_core.pruning.healing import LinearMap, LinearSettings, TrainingSettings
from avss_core.pruning.healing.evaluate import score_network
from avss_core.pruning.healing.fit_linear import heal_linear
from avss_core.pruning.healing.healed import healed_network
from avss_core.pruning.healing.train import Training
from avss_core.tasks.perplexity_table import summarise
from avss_core.variants.variant import Variant
from benchmarks.kept import Kept

HEALED = "greedy search"  # whose cuts are healed
WHOLE = "nothing removed"
MAPS = "linear maps, folded"
WHOLE_STATE = "linear maps on the whole state"


@dataclass(frozen=True, eq=False)
class Healings:
    """windows: the whole calibration part. tokens: for the maps. training: without a control, which would be the same
    for every cut; None for none. only: no healing whose name this pattern is not found in."""

    model: LoadedModel
    windows: Sequence[Window]
    evaluation: Sequence[Batch]
    tokens: int
    training: TrainingSettings | None
    only: str = ""

    def perplexities(self, kept: Kept, removed: tuple[int, ...]) -> dict[str, float]:
        """Perplexity of the cut after each healing, by its name in the table; the last is that of the whole model
        after the same training, which is the same for every cut and made once."""
        ways = {
            (HEALED, MAPS): partial(self._map, removed, True),
            (HEALED, WHOLE_STATE): partial(self._map, removed, False),
        }
        if self.training is not None:
            by = " by distillation" if self.training.distils else ""
            steps = f"{self.training.steps} steps of LoRA{by}"
            ways[HEALED, steps] = partial(self._train, removed, False)
            ways[HEALED, f"maps, folded, then {steps}"] = partial(self._train, removed, True)
            ways[WHOLE, steps] = partial(self._train, (), False)
        cut = "without " + " ".join(map(str, removed))
        return {
            f"{what} + {name}": kept.get(f"{name}, {cut if what == HEALED else what}", way)
            for (what, name), way in ways.items()
            if re.search(self.only, f"{what} + {name}")
        }

    def _fit(self, removed: tuple[int, ...], fold: bool) -> tuple[LinearMap, ...]:
        variant = Variant.without(self.model.n_blocks, removed)
        return heal_linear(self.model, variant, self.windows, LinearSettings(tokens=self.tokens, fold=fold)).maps

    def _map(self, removed: tuple[int, ...], fold: bool) -> float:
        variant = Variant.without(self.model.n_blocks, removed)
        network = healed_network(self.model, variant, self._fit(removed, fold))
        return summarise(score_network(self.model, network, self.evaluation)).value

    def _train(self, removed: tuple[int, ...], with_maps: bool) -> float:
        assert self.training is not None
        variant = Variant.without(self.model.n_blocks, removed)
        maps = self._fit(removed, fold=True) if with_maps else ()
        training = Training(self.model, variant, self.windows, self.training, maps)
        for step in training.steps():
            if step.number % max(1, self.training.steps // 4) == 0:
                print(f"  step {step.number}: {step.pruned.next_token:.3f} nats, {step.seconds:.0f} s", flush=True)
        return summarise(score_network(self.model, training.result().network, self.evaluation)).value
