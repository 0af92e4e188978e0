"""Mitigation: one unit trains, then the trained model answers the held-out questions, at last it reads plain text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pandas as pd
from torch import nn
from transformers import PreTrainedModel

from avss_core.corpora.batches import make_batches
from avss_core.errors import RunError
from avss_core.hallucination.asking import TASK, answer_task
from avss_core.hallucination.contrast import contrast
from avss_core.hallucination.judge import TRUTHFUL
from avss_core.hallucination.labels import with_hand_labels
from avss_core.hallucination.mitigation import choose_blocks, steps_frame
from avss_core.jobs.answers_results import answers_frame
from avss_core.jobs.mitigate_results import ADAPTER, TRAINING
from avss_core.jobs.requests.mitigate import STEPS_PER_UNIT, MitigateRequest
from avss_core.jobs.resident import beside, resident_model, shards_for, windows_for
from avss_core.jobs.works.answers import answer_shard
from avss_core.jobs.works.base import Plan, Turn, Work, Write
from avss_core.models.load import LoadedModel
from avss_core.tasks.asked import Asked, Shard
from avss_core.tasks.run import check_task
from avss_core.variants.variant import Variant

# What trains is imported where it is used: peft takes half a second, which no other job should wait for.

_TRAINED = "trained"  # in `resident.beside`; one at most: each holds a model's changed weights


@dataclass(frozen=True, eq=False)
class _Trained:
    """curve: when its training began, which tells it from an earlier training of the same run."""

    run: str
    curve: int
    network: PreTrainedModel


class MitigateWork(Work):
    """Units: 0 trains and keeps the loss curve as units 1, 2, … while it goes; then one for each shard of held-out
    questions; the last for fluency. A training that is broken off begins again."""

    def check(self, request: MitigateRequest, model: LoadedModel) -> None:
        check_task(answer_task(), model)

    def plan(self, request: MitigateRequest, model: LoadedModel) -> Plan:
        windows_for(request.model, request.fluency)  # what is wrong with it would be found out last
        shards = self._held_out(request)
        tokens = sum(len(one) for shard in shards for one in shard)
        documents = len({one.document for shard in shards for one in shard})
        return Plan(1 + request.loss_units + len(shards) + 1, tokens, documents, in_order=True)

    def run(self, request: MitigateRequest, turn: Turn) -> Write:
        if turn.number == TRAINING:
            return _train(request, turn).to_parquet
        shards, first = self._held_out(request), 1 + request.loss_units
        if turn.number < first:
            raise RunError("A part of the loss curve is gone from the store; delete the run and train again.")
        model = _trained_model(request, turn)
        if turn.number < first + len(shards):
            turn.say("asking the trained model")
            asked = cast(Sequence[Asked], shards[turn.number - first])
            return answer_shard(model, request.held_out, asked, turn).to_parquet
        read = _fluency(request, model, turn)
        beside(request.model).pop(_TRAINED, None)
        return read.to_parquet

    def _held_out(self, request: MitigateRequest) -> Sequence[Shard]:
        return shards_for(request.model, request.held_out.corpus, TASK)


def _train(request: MitigateRequest, turn: Turn) -> pd.DataFrame:
    """Train, keep the adapter, and tell in one row which blocks learned from how many answers."""
    from avss_core.hallucination.mitigation.teach import ContrastiveTraining, Told

    model, held = resident_model(request.model), beside(request.model)
    held.pop(_TRAINED, None)
    asked = turn.store.find_run(request.taught.run_id())
    if asked is None or asked.status != "done":
        raise RunError("The questions that the model learns from are not answered yet; ask them first.")
    frame = answers_frame(turn.store, asked.id)
    labels = with_hand_labels(frame, request.judge, dict(request.by_hand))
    settings = request.settings
    found = contrast(frame, labels, request.site, request.epsilon, request.reading, resamples=1, permutations=1)
    blocks = settings.blocks or choose_blocks(found.table, settings.choice, settings.n_blocks, settings.seed)
    # The question begins after the last break of a solved example; what all prompts share is no lesson.
    shared = _common_beginning([tuple(ids) for ids in frame["prompt_ids"]])
    told = [
        Told(tuple(prompt), tuple(answer), label == TRUTHFUL, shared)
        for prompt, answer, label in zip(frame["prompt_ids"], frame["answer_ids"], labels, strict=True)
    ]
    training, curve, read = ContrastiveTraining(model, told, blocks, settings), time.time_ns(), 0
    for step in training.steps():
        turn.count(step.tokens - read)
        turn.say(f"training: step {step.number} of {settings.steps}")
        read = step.tokens
        if step.number % STEPS_PER_UNIT == 0 or step.number == settings.steps:
            number = -(-step.number // STEPS_PER_UNIT)
            rows = steps_frame(training.steps_done[(number - 1) * STEPS_PER_UNIT :]).assign(curve=curve)
            turn.store.add_unit(turn.run, number, 0, 0.0, rows.to_parquet)
    network, adapter = training.finish()
    adapter.save(_adapter_folder(turn))
    held[_TRAINED] = _Trained(turn.run, curve, network)
    return pd.DataFrame(
        [
            {
                "blocks": list(blocks),
                "truthful": sum(one.truthful for one in told if one.answer),
                "made_up": sum(not one.truthful for one in told if one.answer),
                "enough": found.enough,
                "curve": curve,
            }
        ]
    )


def _fluency(request: MitigateRequest, model: LoadedModel, turn: Turn) -> pd.DataFrame:
    """Surprise at plain text before and after: network, document, nll, tokens."""
    from avss_core.tasks.perplexity import score

    turn.say("reading plain text")
    original = resident_model(request.model)
    batches = make_batches(windows_for(request.model, request.fluency), original.tokenizer.pad_token_id)
    frames = []
    for name, one in (("before", original), ("after", model)):
        for batch in batches:
            frames.append(score(one, [batch], [Variant.full(one.n_blocks)]).assign(network=name))
            turn.count(batch.tokens)
    return pd.concat(frames, ignore_index=True).drop(columns="kept")


def _trained_model(request: MitigateRequest, turn: Turn) -> LoadedModel:
    """The network of this run's training: still in memory, or built again from the kept adapter."""
    from avss_core.pruning.healing.from_files import merged
    from avss_core.pruning.healing.healed import healed_network

    model, held = resident_model(request.model), beside(request.model)
    curve = int(pd.read_parquet(turn.earlier()[TRAINING], columns=["curve"])["curve"].iloc[0])
    kept: _Trained | None = held.get(_TRAINED)
    if kept is None or (kept.run, kept.curve) != (turn.run, curve):
        held.pop(_TRAINED, None)
        whole = healed_network(model, Variant.full(model.n_blocks))
        kept = held[_TRAINED] = _Trained(turn.run, curve, merged(whole, _adapter_folder(turn)))
    blocks = cast(nn.ModuleList, kept.network.get_submodule(model.blocks_path))
    return replace(model, network=kept.network, blocks=blocks, fingerprint=f"{model.fingerprint} trained by {turn.run}")


def _adapter_folder(turn: Turn) -> Path:
    return turn.store.folder / turn.run / ADAPTER


def _common_beginning(prompts: Sequence[tuple[int, ...]]) -> int:
    """How many tokens all prompts begin with alike."""
    first, last = min(prompts), max(prompts)
    pairs = enumerate(zip(first, last, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(first), len(last)))
