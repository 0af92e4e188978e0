"""Give a pruned model back what the cut took: by a fitted linear map, or by training small adapters.

What needs torch (`fit_linear`, `healed`, `lora`, `train`, `evaluate`) is imported by name; what is here does not.
"""

from avss_core.pruning.healing.apart import Apart, apart_of
from avss_core.pruning.healing.linear_map import LinearHealing, LinearMap, Trial
from avss_core.pruning.healing.settings import MAP_TOKENS, OBJECTIVES, TEACHERS, LinearSettings, TrainingSettings
from avss_core.pruning.healing.steps import Losses, Step, steps_table
from avss_core.pruning.healing.stretches import Stretch, stretches_of

__all__ = [
    "MAP_TOKENS",
    "OBJECTIVES",
    "TEACHERS",
    "Apart",
    "LinearHealing",
    "LinearMap",
    "LinearSettings",
    "Losses",
    "Step",
    "Stretch",
    "TrainingSettings",
    "Trial",
    "apart_of",
    "steps_table",
    "stretches_of",
]
