"""Two texts from one prompt: the original writes, then the pruned model."""

from __future__ import annotations

import json
import time

import pandas as pd

from avss_core.jobs.requests.generate import GenerateRequest
from avss_core.jobs.resident import resident_model
from avss_core.jobs.works.base import Plan, Turn, Work, Write
from avss_core.jobs.works.heal_network import network_of_healing
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.pruning.generate import generate_side_by_side, prompt_ids
from avss_core.pruning.generation import Piece

_REASON = "to be read"
_BETWEEN_WORDS = 0.1  # seconds; each is a message, and is told while a model waits


class GenerateWork(Work):
    """No corpus is read: the prompt is the text."""

    def check(self, request: GenerateRequest, model: LoadedModel) -> None:
        Cut(request.removed, model.n_blocks, _REASON)
        prompt_ids(model, request.prompt, request.sampling)

    def plan(self, request: GenerateRequest, model: LoadedModel) -> Plan:
        return Plan(units=1)

    def run(self, request: GenerateRequest, turn: Turn) -> Write:
        model = resident_model(request.model)
        cut = Cut(request.removed, model.n_blocks, _REASON)
        healing = request.healing
        network = None if healing is None else network_of_healing(turn.store, healing, model, cut.removed)
        told = _Teller(turn)
        both = generate_side_by_side(model, cut, request.prompt, request.sampling, told, network)
        return pd.DataFrame([{"texts": json.dumps(both.to_dict())}]).to_parquet


class _Teller:
    """Says how far a text is, often enough to follow it and to stop it, seldom enough not to slow it down."""

    def __init__(self, turn: Turn) -> None:
        self._turn, self._said = turn, 0.0

    def __call__(self, piece: Piece) -> None:
        if time.monotonic() - self._said > _BETWEEN_WORDS:
            self._said = time.monotonic()
            self._turn.say(f"the {piece.which} model writes, token {piece.tokens}")
