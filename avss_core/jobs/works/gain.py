"""Measured gain: one unit, since both models have to be timed in the same process at the same time."""

from __future__ import annotations

from avss_core.jobs.requests.gain import GainRequest
from avss_core.jobs.resident import resident_model
from avss_core.jobs.works.base import Plan, Turn, Work, Write
from avss_core.jobs.works.heal_network import network_of_healing
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.pruning.gain import measure_gain

_REASON = "to be measured"


class GainWork(Work):
    """No text is read: speed does not depend on which tokens they are."""

    def check(self, request: GainRequest, model: LoadedModel) -> None:
        Cut(request.removed, model.n_blocks, _REASON)

    def plan(self, request: GainRequest, model: LoadedModel) -> Plan:
        return Plan(units=1)

    def run(self, request: GainRequest, turn: Turn) -> Write:
        model, rounds = resident_model(request.model), request.settings.rounds
        cut = Cut(request.removed, model.n_blocks, _REASON)
        healing = request.healing
        network = None if healing is None else network_of_healing(turn.store, healing, model, cut.removed)
        turn.say("warming up")
        return measure_gain(
            model,
            cut,
            request.settings,
            between=lambda done: turn.say(f"timing both models, round {min(done + 1, rounds)} of {rounds}"),
            network=network,
        ).to_parquet
