"""A fitted map, how it was chosen, and all maps of a cut. No torch here: they can be kept and shown without it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from avss_core.pruning.healing.settings import LinearSettings
from avss_core.pruning.healing.stretches import Stretch
from avss_core.tasks.evaluation import Evaluation
from avss_core.variants.variant import Variant

Reads = Literal["neurons", "state"]


@dataclass(frozen=True, eq=False)
class LinearMap:
    """h ← h + W z + c, where a stretch was removed.

    reads        "state": z = h, the state before the gap; the map stays a module of its own.
                 "neurons": z is what the last projection of the block before the gap reads. That block's output is
                 (all the rest) + P z, so the map is exactly the same as P + W in the place of P, and is folded.
    projection   with "neurons" the name of that projection in its block (`mlp.down_proj`), else ""
    weight       W (hidden, features); offset c (hidden,) or None; both float32
    shrinkage    the λ it was fitted with
    """

    stretch: Stretch
    reads: Reads
    projection: str
    weight: NDArray[np.float32]
    offset: NDArray[np.float32] | None
    shrinkage: float

    @property
    def parameters_added(self) -> int:
        """How many parameters the healed network has more: none when the map is folded into weights that are there."""
        return 0 if self.reads == "neurons" else self.weight.size + (0 if self.offset is None else self.offset.size)


@dataclass(frozen=True)
class Trial:
    """One shrinkage at one stretch, judged on held-out documents; shrinkage inf is to leave the gap as it is.

    error: Σ w ‖target − state‖² relative to leaving the gap (1 there); perplexity: of the network with this map, the
    maps chosen before it, and no map at later gaps (None for a network that does not predict the next token).
    """

    stretch: Stretch
    shrinkage: float
    error: float
    perplexity: float | None
    chosen: bool

    def to_dict(self) -> dict[str, Any]:
        """One flat row; the shrinkage of no map is None."""
        return {
            "stretch": self.stretch.name,
            "shrinkage": self.shrinkage if np.isfinite(self.shrinkage) else None,
            "error": self.error,
            "perplexity": self.perplexity,
            "chosen": self.chosen,
        }


@dataclass(frozen=True, eq=False)
class LinearHealing:
    """Healing without training of one cut: the maps that help, which may be none.

    trials: all that was tried. before, after: perplexity on the held-out calibration documents of the cut without and
    with the maps (None where there is none): it chose them, so it flatters a little; evaluate on other text. dropped:
    maps were chosen one after another, and left out again since all together they did not help.
    """

    variant: Variant
    settings: LinearSettings
    maps: tuple[LinearMap, ...]
    trials: tuple[Trial, ...] = field(repr=False)
    before: Evaluation | None
    after: Evaluation | None
    fitted_tokens: int
    held_out_tokens: int
    seconds: float
    dropped: bool = False

    @property
    def helps(self) -> bool:
        """Whether there is a map to offer."""
        return bool(self.maps)

    @property
    def folded(self) -> bool:
        """Whether the healed network is an ordinary one of its class, which plain transformers can load."""
        return all(each.reads == "neurons" for each in self.maps)

    @property
    def parameters_added(self) -> int:
        """By all maps together."""
        return sum(each.parameters_added for each in self.maps)

    @property
    def sentence(self) -> str:
        """What was done, for people and for a model card."""
        if self.dropped:
            return (
                "No linear map was added: those that helped one after another did not make the held-out calibration "
                "text more probable in the finished network."
            )
        if not self.maps:
            return "No linear map was added, since none made the held-out calibration text more probable."
        gaps = ", ".join(each.stretch.name for each in self.maps)
        where = "folded into the block before each" if self.folded else "as a module of their own where not foldable"
        return (
            f"Linear maps, fitted by weighted ridge regression on {self.fitted_tokens} tokens, bridge the removed "
            f"blocks {gaps}; {where}; nothing was trained."
        )

    def to_dict(self) -> dict[str, Any]:
        """All but the weights, as JSON types."""
        return {
            "kept": list(self.variant.kept),
            "removed": list(self.variant.removed),
            "settings": self.settings.to_dict(),
            "healed": [each.stretch.name for each in self.maps],
            "folded": self.folded,
            "parameters_added": self.parameters_added,
            "trials": [trial.to_dict() for trial in self.trials],
            "before": None if self.before is None else self.before.to_dict(),
            "after": None if self.after is None else self.after.to_dict(),
            "fitted_tokens": self.fitted_tokens,
            "held_out_tokens": self.held_out_tokens,
            "seconds": self.seconds,
        }
