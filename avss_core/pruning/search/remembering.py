"""A scorer that runs only what it has not been told before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from avss_core.pruning.search.scoring import Frames, LossOf
from avss_core.variants.variant import Variant


def remembering(
    loss_of: LossOf, recall: Callable[[Variant], pd.DataFrame | None], keep: Callable[[Variant, pd.DataFrame], object]
) -> LossOf:
    """A scorer that asks `recall` for each variant first, runs the rest together, and hands their frames to `keep`.

    With the store behind these two, going back to an evaluated cut is free, and a step that was broken off is not.
    """

    def remembered(variants: Sequence[Variant]) -> Frames:
        known = {variant: frame for variant in variants if (frame := recall(variant)) is not None}
        missing = [variant for variant in variants if variant not in known]
        fresh = loss_of(missing) if missing else {}
        for variant, frame in fresh.items():
            keep(variant, frame)
        return {**known, **fresh}

    return remembered
