"""Perplexity after 10, 17, 25 and 33 % of the blocks are removed: every method, search and healing, and random cuts.

Prints a Markdown table. Blocks are chosen, searched, healed on the calibration part of the articles and judged on the
others. All cuts are evaluated as one prefix tree. What is finished is kept in a file, and the same command goes on
from there; it says beforehand about how long it will take. The README's table is of the articles of WikiText-2's
validation split, one a line.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from avss_core.corpora.batches import Batch
from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window, make_windows
from avss_core.hashing import content_hash
from avss_core.jobs.requests.base import ENGINE_VERSION
from avss_core.models.load import LoadedModel
from avss_core.pruning.healing import TrainingSettings
from avss_core.pruning.healing.split import some_windows
from avss_core.tasks import perplexity
from avss_core.tasks.perplexity_table import summarise
from avss_core.variants.plan import count_block_runs
from avss_core.variants.variant import Variant
from benchmarks.kept import Kept
from benchmarks.measuring import batches_of, default_model, print_table
from benchmarks.wikitext_cuts import (
    ALL,
    Blocks,
    Cuts,
    cuts_by_chance,
    cuts_by_methods,
    cuts_by_search,
)
from benchmarks.wikitext_healing import HEALED, Healings
from benchmarks.wikitext_pace import say_how_long

SHARES = "0.10,0.17,0.25,0.33"


def main() -> None:
    """Print the table."""
    wanted = _arguments()
    model = default_model(wanted.dtype)
    corpus = CorpusSpec(str(wanted.path), length=wanted.length)
    calibration = _windows(model, corpus)
    chosen_on = some_windows(calibration, wanted.calibrate)
    evaluation = batches_of(model, some_windows(_windows(model, corpus.of_part("evaluate")), wanted.evaluate))
    sizes = sizes_of(model.n_blocks, [float(share) for share in wanted.shares.split(",")])
    names = wanted.methods.split(",")
    training = None
    if wanted.lora_steps:
        training = TrainingSettings.for_objective(
            wanted.objective, teacher="original", steps=wanted.lora_steps, control=False
        )
    kept = Kept(wanted.keep or _file(wanted, corpus, model))
    healings = Healings(model, calibration, evaluation, wanted.fit, training, wanted.healings)
    print(f"What is finished is kept in {kept.file}.")
    say_how_long(model, evaluation, wanted, max(sizes.values()))

    numbers = list(dict.fromkeys(sizes.values()))
    cuts = cuts_by_methods(kept, model, chosen_on, names, numbers, wanted.budget)
    if wanted.beam:
        cuts = cuts_by_search(kept, model, chosen_on, numbers, wanted.beam) | cuts
    chance = cuts_by_chance(model.n_blocks, numbers, wanted.draws)
    table = evaluate(kept, model, evaluation, [cut for by in cuts.values() for cut in by.values()], chance)
    healed = {size: healings.perplexities(kept, cuts[HEALED][size]) for size in numbers if HEALED in cuts}

    whole = summarise(table[table["kept"] == Variant.full(model.n_blocks).key])
    predicted = int(table.loc[table["kept"] == Variant.full(model.n_blocks).key, "tokens"].sum())
    print_table(
        f"Perplexity on {predicted:,} tokens of {corpus.path.name}, {wanted.dtype}; nothing removed: "
        f"{short(whole.value)} (95 %: {short(whole.low)} – {short(whole.high)})",
        ("blocks chosen by", *[f"{share:.0%} ({size})" for share, size in sizes.items()]),
        rows_of(perplexities_of(table, model.n_blocks), cuts, chance, healed, list(sizes.values())),
    )


def sizes_of(n_blocks: int, shares: Sequence[float]) -> dict[float, int]:
    """Numbers of blocks, round(p · M), at least one and never all."""
    return {share: min(max(1, round(share * n_blocks)), n_blocks - 1) for share in shares}


def evaluate(
    kept: Kept,
    model: LoadedModel,
    batches: Sequence[Batch],
    cuts: Sequence[Blocks],
    chance: Mapping[int, Sequence[Blocks]],
) -> pd.DataFrame:
    """All cuts and the whole model as one prefix tree: kept, document, nll, tokens. Each batch is kept by itself."""
    every = dict.fromkeys([(), *cuts, *(cut for drawn in chance.values() for cut in drawn)])
    variants = [Variant.without(model.n_blocks, cut) for cut in every]
    name = f"{len(variants)} cuts, {count_block_runs(variants)} block runs ({content_hash(list(every))})"

    def values(batch: Batch) -> dict[str, list[object]]:
        return perplexity.score(model, [batch], variants).to_dict(orient="list")

    parts = [
        kept.get(f"{name}, batch {number + 1} of {len(batches)}", partial(values, batch))
        for number, batch in enumerate(batches)
    ]
    found = pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
    return found.groupby(["kept", "document"], sort=False, as_index=False).sum()


def perplexities_of(table: pd.DataFrame, n_blocks: int) -> dict[Blocks, float]:
    """exp(Σ nll / Σ tokens) by the blocks that are removed."""
    sums = table.groupby("kept")[["nll", "tokens"]].sum()
    values = {}
    for key, row in sums.iterrows():
        blocks = {int(block) for block in str(key).split(",")}
        values[tuple(block for block in range(n_blocks) if block not in blocks)] = _exp(row["nll"] / row["tokens"])
    return values


def rows_of(
    values: Mapping[Blocks, float],
    cuts: Cuts,
    chance: Mapping[int, Sequence[Blocks]],
    healed: Mapping[int, Mapping[str, float]],
    sizes: Sequence[int],
) -> list[tuple[str, ...]]:
    """Searches as they come, what heals the first of them, then methods from the least to the most lost in the middle
    of the sizes, then random cuts: their median and range."""
    lines = {name: [values[by[size]] for size in sizes] for name, by in cuts.items()}
    searches = [name for name in lines if "search" in name]
    middle = len(sizes) // 2
    methods = sorted((name for name in lines if name not in searches), key=lambda name: lines[name][middle])
    rows = [(name, *map(short, lines[name])) for name in searches]
    for name in next(iter(healed.values()), {}):
        rows.append((name, *[short(healed[size][name]) for size in sizes]))
    rows += [(name, *map(short, lines[name])) for name in methods]
    drawn = [sorted(values[cut] for cut in chance[size]) for size in sizes]
    texts = [f"{short(statistics.median(found))} ({short(found[0])} – {short(found[-1])})" for found in drawn]
    count = max(len(chance[size]) for size in sizes)
    return [*rows, (f"random, median of {count} (lowest – highest)", *texts)]


def short(value: float) -> str:
    """27.8, 1,977, 2.6e+07."""
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}" if value < 1e6 else f"{value:.1e}"


def _windows(model: LoadedModel, corpus: CorpusSpec) -> list[Window]:
    return make_windows(read_corpus(corpus), model.tokenizer)


def _exp(mean: float) -> float:
    return math.exp(mean) if mean < 700 else math.inf


def _file(wanted: argparse.Namespace, corpus: CorpusSpec, model: LoadedModel) -> Path:
    """A file of its own for everything that makes a difference to what is kept."""
    asked = [
        ENGINE_VERSION,
        wanted.calibrate,
        wanted.fit,
        wanted.evaluate,
        wanted.dtype,
        wanted.budget,
        wanted.lora_steps,
        wanted.objective,
    ]
    asked.append(wanted.shares if wanted.beam else "")  # how far the searches go
    name = content_hash(model.spec.identity(), replace(corpus, part="all").identity(), asked)
    return Path(tempfile.gettempdir()) / f"avss-wikitext-{name}.json"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="JSON lines with a field `text`")
    parser.add_argument("--calibrate", type=int, default=2000, help="tokens to choose and search on")
    parser.add_argument("--fit", type=int, default=8192, help="tokens to fit maps on")
    parser.add_argument("--evaluate", type=int, default=2000, help="tokens to judge on")
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--methods", default=ALL)
    parser.add_argument("--shares", default=SHARES)
    parser.add_argument("--budget", type=int, default=2000, help="block runs for Shapley values")
    parser.add_argument("--beam", type=int, default=4, help="width; 1: greedy alone; 0: no search and no healing")
    parser.add_argument("--healings", default="", help="only healings with this pattern in their name")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--lora-steps", type=int, default=0)
    parser.add_argument("--objective", default="next-token", help="of LoRA: next-token or distil")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--keep", type=Path, help="the file of what is finished")
    return parser.parse_args()


if __name__ == "__main__":
    main()
