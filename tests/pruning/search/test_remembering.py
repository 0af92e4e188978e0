from __future__ import annotations

import pandas as pd
from known_losses import entangled

from avss_core.pruning.search import Limits, Problem, greedy_steps, remembering
from avss_core.variants import Variant


def test_only_what_is_not_known_is_run() -> None:
    known = entangled()
    store: dict[Variant, pd.DataFrame] = {}
    scorer = remembering(known, store.get, store.__setitem__)
    store[Variant.full(6)] = known.frame(())
    store[Variant.without(6, (1,))] = known.frame((1,))
    steps = list(greedy_steps(Problem(6, scorer, Limits(most=2))))
    assert known.asked[0] == {(0,), (2,), (3,), (4,), (5,)}
    assert len(known.asked) == 2
    # What is remembered changes neither the steps nor the block runs they tell.
    assert steps == list(greedy_steps(Problem(6, entangled(), Limits(most=2))))
    assert list(greedy_steps(Problem(6, scorer, Limits(most=2)))) == steps
    assert len(known.asked) == 2
