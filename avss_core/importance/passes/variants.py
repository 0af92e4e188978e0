"""The model without each single block, all of them as one prefix tree: ablation and CIM from the same logits."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from avss_core.corpora.windows import Window
from avss_core.importance.methods import cim
from avss_core.importance.passes.class_comparison import ClassComparison
from avss_core.importance.passes.log_probabilities import vocabulary_of
from avss_core.importance.passes.measured import TOKENS_PER_BATCH, Done, Measured, batches_of
from avss_core.importance.passes.token_comparison import TokenComparison
from avss_core.importance.settings import RankSettings
from avss_core.models.load import LoadedModel
from avss_core.tasks.classes import is_classifier
from avss_core.variants.plan import count_block_runs
from avss_core.variants.trie import walk
from avss_core.variants.variant import Variant

_WHOLE_BYTES = 2**28  # ln p of the whole model on a batch, in float32


def variants_pass(model: LoadedModel, windows: Sequence[Window], settings: RankSettings, done: Done) -> Measured:
    """Without each block: the loss added at every prediction, and if asked KL(whole ‖ without) there.

    Predicted is every token that follows, or, by a classifier, the class of every window. Raises NumericalError when
    a loss is not finite.
    """
    wants_cim, classifies = cim.METHOD.name in settings.methods, is_classifier(model)
    comparison = ClassComparison if classifies else TokenComparison
    full = Variant.full(model.n_blocks)
    without = [Variant.without(model.n_blocks, [block]) for block in range(model.n_blocks)]
    runs = count_block_runs([full]) + count_block_runs(without)
    keeps_vocabulary = wants_cim and not classifies
    room = _WHOLE_BYTES // (4 * vocabulary_of(model)) if keeps_vocabulary else TOKENS_PER_BATCH
    tokens = sum(map(len, windows))
    tables: list[pd.DataFrame] = []
    for batch in batches_of(model, windows, max(1, min(TOKENS_PER_BATCH, room))):
        share = batch.tokens / tokens / (len(without) + 1)
        compare = comparison(model, batch, wants_cim)
        if not compare.predictions:
            done(share * (len(without) + 1))
            continue
        [(_, hidden)] = walk(model, batch, [full])
        compare.whole(hidden)
        done(share)
        for variant, hidden in walk(model, batch, without):
            compare.without(variant.removed[0], hidden)
            done(share)
        tables += compare.tables()
    return Measured(tables, block_tokens=float(runs * tokens))
