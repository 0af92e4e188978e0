"""Scores the blocks of a pruned model, for iterative pruning. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import nn

from avss_core.corpora.windows import Window
from avss_core.errors import ModelError, SettingError
from avss_core.hashing import content_hash
from avss_core.importance.rank import rank
from avss_core.importance.ranking import Ranking
from avss_core.importance.settings import RankSettings
from avss_core.models.load import LoadedModel
from avss_core.models.spec import ModelSpec
from avss_core.pruning.search.iterative import ScoresOf
from avss_core.pruning.search.step import Blocks
from avss_core.variants.physical import pruned_network


def importance_scorer(
    model: LoadedModel,
    windows: Sequence[Window],
    settings: RankSettings,
    between_batches: Callable[[int], None] = lambda tokens: None,
    told: Callable[[Ranking], object] = lambda ranking: None,
) -> ScoresOf:
    """A callable from the blocks kept to their scores by the one method of `settings`, in the order of `kept`.

    The pruned model is measured as a model of its own, on the weights of the unpruned one, so every method works on it
    and shares such as (3) and (8) are over the blocks that are left. between_batches: called often, its numbers add
    up to the tokens of the text; may raise Cancelled. told: called with every ranking, for what it cost. Raises
    SettingError unless there is exactly one method; the callable raises what the method raises, and ModelError when
    this network cannot be built with fewer blocks.
    """
    if len(settings.methods) != 1:
        raise SettingError(f"Iterative pruning goes by one method, not by {len(settings.methods)}; choose one.")

    def scores_of(kept: Blocks) -> tuple[float, ...]:
        (ranking,) = rank(pruned_model(model, kept), windows, settings, between_batches)
        told(ranking)
        return ranking.scores

    return scores_of


def pruned_model(model: LoadedModel, kept: Blocks) -> LoadedModel:
    """The blocks `kept` as a model of its own that shares the weights' memory; `model` itself when all are kept.

    Raises ModelError when a block would not be the same in its new place.
    """
    if len(kept) == model.n_blocks:
        return model
    try:
        network = pruned_network(model, kept)
    except ModelError as error:
        why = str(error).partition(";")[0]
        raise ModelError(f"Importance cannot be computed again after a removal: {why}; compute it once.") from error
    blocks = network.get_submodule(model.blocks_path)
    assert isinstance(blocks, nn.ModuleList)
    # The weights are known already, so the name of the whole and the blocks kept are as good as a hash of them all.
    fingerprint = content_hash(model.fingerprint, list(kept))
    return replace(model, spec=ModelSpec(source="in-memory"), network=network, blocks=blocks, fingerprint=fingerprint)
