"""About how long the WikiText table takes, told before it begins."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from avss_core.corpora.batches import Batch
from avss_core.importance.compute import LISTED
from avss_core.importance.settings import RankSettings
from avss_core.models.load import LoadedModel
from avss_core.tasks import perplexity
from avss_core.variants.variant import Variant


@dataclass(frozen=True)
class Pace:
    """Seconds of a block and of the head, for one token."""

    block: float
    head: float

    def minutes(self, tokens: int, block_runs: float, heads: float) -> float:
        """For so many runs over a text."""
        return tokens * (block_runs * self.block + heads * self.head) / 60


def pace_of(model: LoadedModel, batch: Batch) -> Pace:
    """Times the whole model and its first half."""
    n_blocks, seconds = model.n_blocks, []
    for keep in (n_blocks, n_blocks, n_blocks // 2):  # the first is to warm up
        started = time.perf_counter()
        perplexity.score(model, [batch], [Variant(tuple(range(keep)), n_blocks)])
        seconds.append(time.perf_counter() - started)
    block = max(seconds[1] - seconds[2], 0.0) / (n_blocks - n_blocks // 2) / batch.tokens
    return Pace(block, max(seconds[1] / batch.tokens - n_blocks * block, 0.0))


def say_how_long(model: LoadedModel, batches: Sequence[Batch], wanted: argparse.Namespace, most: int) -> None:
    """Counts what is to come at the pace of the model; maps are guessed, a training step counts as three passes."""
    n_blocks, pace = model.n_blocks, pace_of(model, batches[0])
    runs, heads = cost_of_search(n_blocks, most, wanted.beam)
    sizes = len(wanted.shares.split(","))
    ranking = block_runs_of_ranking(wanted.methods.split(","), n_blocks, wanted.budget)
    cuts = sizes * (len(wanted.methods.split(",")) + 2 + wanted.draws)
    steps = wanted.lora_steps * (2 * sizes + 1) if wanted.beam else 0
    stages = {
        "ranking": pace.minutes(wanted.calibrate, ranking, n_blocks),
        "searches": pace.minutes(wanted.calibrate, runs, heads) if wanted.beam else 0.0,
        "cuts": pace.minutes(wanted.evaluate, cuts * 0.6 * n_blocks, cuts),
        "maps": pace.minutes(wanted.fit, 20 * n_blocks * sizes, 40 * sizes) if wanted.beam else 0.0,
        "training": pace.minutes(4 * wanted.length * steps, 6 * n_blocks, 6),
    }
    said = ", ".join(f"{name} {minutes:.1f}" for name, minutes in stages.items() if minutes)
    print(f"About {sum(stages.values()):.0f} min in all: {said}.", flush=True)


def block_runs_of_ranking(names: Iterable[str], n_blocks: int, budget: int) -> float:
    """About how many block runs the passes of these methods take."""
    needs = [part.needs for part in RankSettings(tuple(names)).by_pass()]
    return sum(listed.block_runs(n_blocks, budget) for met in needs for listed in LISTED if listed.meets in met)


def cost_of_search(n_blocks: int, most: int, width: int) -> tuple[int, int]:
    """About how many block runs and how many heads greedy and beam search take together, at most."""
    trees = [(left * (left + 1) // 2, left) for left in range(n_blocks, n_blocks - most, -1)]
    runs, heads = (sum(column) for column in zip(*trees, strict=True))
    return runs * (1 + width), heads * (1 + width)
