"""Healings: maps first, then training a few steps a unit, at the end all networks on the same held-out text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from avss_core.corpora.batches import Batch, make_batches
from avss_core.errors import ModelError
from avss_core.jobs.heal_results import healed_files
from avss_core.jobs.requests.heal import HealRequest
from avss_core.jobs.resident import resident_model, windows_for
from avss_core.jobs.works.base import Plan, Turn, Work, Write
from avss_core.models.load import LoadedModel
from avss_core.pruning import Cut
from avss_core.variants.variant import Variant

# What heals is imported where it is used: peft takes half a second, which no other job should wait for.


class HealWork(Work):
    """Units in order: each goes on from what those before it left in the run's folder, or in this worker."""

    def check(self, request: HealRequest, model: LoadedModel) -> None:
        Cut(request.removed, model.n_blocks, "asked for")
        if not model.predicts_next_token:
            raise ModelError(
                f"{type(model.network).__name__} does not predict the next token, so what healing gives back cannot "
                "be measured by perplexity; use a causal language model."
            )

    def plan(self, request: HealRequest, model: LoadedModel) -> Plan:
        texts = [windows_for(request.model, corpus) for corpus in (request.corpus, request.evaluate)]
        tokens = sum(len(window) for windows in texts for window in windows)
        documents = sum(len({window.document for window in windows}) for windows in texts)
        return Plan(len(request.parts()), tokens, documents, in_order=True)

    def run(self, request: HealRequest, turn: Turn) -> Write:
        from avss_core.jobs.works.live_training import train_part

        match request.parts()[turn.number].what:
            case "maps":
                frame = _fit_maps(request, turn)
            case "train":
                frame = train_part(request, turn)
            case _:
                frame = _evaluate(request, turn)
        return frame.to_parquet


def _fit_maps(request: HealRequest, turn: Turn) -> pd.DataFrame:
    from avss_core.pruning.healing.fit_linear import heal_linear

    model = resident_model(request.model)
    turn.say("fitting the maps")
    windows = windows_for(request.model, request.corpus)
    healing = heal_linear(model, _variant(request, model), windows, request.linear, turn.count)
    healed_files(turn.store, turn.run).keep_maps(healing)
    return pd.DataFrame([trial.to_dict() for trial in healing.trials])


def _evaluate(request: HealRequest, turn: Turn) -> pd.DataFrame:
    """Surprise at every held-out document: network, document, nll, tokens. One network is built at a time."""
    from avss_core.pruning.healing.evaluate import score_network
    from avss_core.pruning.healing.from_files import control_from_files, network_from_files
    from avss_core.tasks.perplexity import score

    model, files = resident_model(request.model), healed_files(turn.store, turn.run)
    variant, full = _variant(request, model), Variant.full(model.n_blocks)
    windows = windows_for(request.model, request.evaluate)
    batches = make_batches(windows, getattr(model.tokenizer, "pad_token_id", None))
    turn.say("evaluating the unpruned and the pruned model")
    both = score(model, _counted(batches, turn), [full, variant])
    frames = [
        both[both["kept"] == each.key].drop(columns="kept").assign(network=name)
        for name, each in (("unpruned", full), ("pruned", variant))
    ]
    if files.linear_maps():
        turn.say("evaluating the maps")
        network = network_from_files(model, variant, files, trained=False)
        frames.append(score_network(model, network, _counted(batches, turn)).assign(network="maps"))
    if request.training is not None:
        turn.say("evaluating the trained model")
        network = network_from_files(model, variant, files, trained=True)
        frames.append(score_network(model, network, _counted(batches, turn)).assign(network="trained"))
        if request.training.trains_control:
            turn.say("evaluating the unpruned model after the same training")
            network = control_from_files(model, files)
            frames.append(score_network(model, network, _counted(batches, turn)).assign(network="control"))
    return pd.concat(frames, ignore_index=True)


def _variant(request: HealRequest, model: LoadedModel) -> Variant:
    return Variant.without(model.n_blocks, request.removed)


def _counted(batches: Iterable[Batch], turn: Turn) -> Iterator[Batch]:
    for batch in batches:
        yield batch
        turn.count(batch.tokens)
