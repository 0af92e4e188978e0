"""What a finished healing run gives to an export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from transformers import PreTrainedModel

from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.pruning.export import Measured
from avss_core.runs import Run, Store


@dataclass(frozen=True, eq=False)
class Healed:
    """A network of the kept blocks whose weights were changed after the cut.

    It must be an ordinary network of its class, which transformers can save (maps folded, adapters merged). sentence:
    what was done, for the model card. measured: evaluations of this network, for the card.
    """

    network: PreTrainedModel
    sentence: str
    measured: tuple[Measured, ...] = ()


# Makes it again from the run's files. Raises CutError when the run healed another cut, ModelError when the network
# would not be an ordinary one.
Healer = Callable[[Store, Run, LoadedModel, Cut], Healed]
