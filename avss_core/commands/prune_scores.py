"""What `avss prune` chooses blocks by: AVSS from a profile, any other method from a comparison of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from avss_core.activations import merge_profiles
from avss_core.commands.option_groups import ScoreOptions
from avss_core.commands.prune_options import AVSS
from avss_core.commands.rank_fit import facts_for
from avss_core.commands.session import Workers, rankings_of, run_to_end
from avss_core.corpora.spec import CorpusSpec
from avss_core.importance import Epsilon, score_table
from avss_core.importance.registry import Chosen
from avss_core.importance.settings import RankSettings
from avss_core.jobs import ProfileRequest, RankRequest
from avss_core.jobs.results import finished_profile
from avss_core.jobs.sweep_stretches import ANGULAR, angular_distances
from avss_core.models.spec import ModelSpec
from avss_core.pruning.export.notes import text_name


@dataclass(frozen=True)
class Scored:
    """scores: one a block, the lowest removed first. shares, cumulative: equations (8) and (9), of AVSS alone.

    turns: for each n the angular distance over every stretch of n blocks, of that method alone. parameters: of each
    block, and of the whole model.
    """

    scores: Sequence[float]
    block_parameters: Sequence[int]
    total_parameters: int
    shares: Sequence[float] = ()
    cumulative: Sequence[float] = ()
    turns: Mapping[int, Sequence[float]] = field(default_factory=dict)


def request_for(
    chosen: Chosen, model: ModelSpec, text: CorpusSpec, options: ScoreOptions, settings: RankSettings
) -> ProfileRequest | RankRequest:
    """What has to be measured; made before anything runs, so that a slip costs no pass over the text."""
    if chosen.method.name == AVSS:
        site = chosen.site
        return ProfileRequest(model, text, ("residual", "update") if site in ("residual", "update") else (site,))
    return RankRequest(model, text, settings)


def method_words(chosen: Chosen, text: CorpusSpec, settings: RankSettings) -> str:
    """The method with its settings and its text, for a model card."""
    words = [chosen.method.pretty_name]
    if chosen.method.has_sites:
        words += [f"site {chosen.site}", f"ε = {settings.epsilon}"]
        words += ["without the first token"] * settings.skip_first_token
    return f"{', '.join(words)}, measured on {text_name(text)}"


def scores_of(
    workers: Workers, request: ProfileRequest | RankRequest, chosen: Chosen, epsilon: Epsilon, skip_first_token: bool
) -> Scored:
    """Measure, or find what was measured before."""
    if isinstance(request, ProfileRequest):
        run = run_to_end(workers, request)
        shards = finished_profile(workers.store, run.id)
        table = score_table(merge_profiles(shards), chosen.site, epsilon, skip_first_token)
        columns = (table[name].tolist() for name in ("avss", "avss_share", "avss_cumulative"))
        scores, shares, cumulative = columns
        return Scored(scores, run.facts["block_parameters"], run.facts["parameters"], shares, cumulative)
    parts = request.parts()
    # A random order needs no pass of its own; how many blocks there are, some run has to say.
    facts = run_to_end(workers, parts[0]).facts if parts else facts_for(workers, request)
    (ranking,) = rankings_of(workers, request)
    turns = angular_distances(workers.store, request) if chosen.method.name == ANGULAR else {}
    return Scored(ranking.scores, facts["block_parameters"], facts["parameters"], turns=turns)
