"""A cut, healed in every way there is, beside the whole model that was given the same.

Perplexity on the evaluation part of a text; everything is fitted and trained on its calibration part. Goal: at most
1.11 × apart with a quarter of the blocks removed. The README's figures are of the articles of WikiText-2's validation
split, one a line.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from avss_core.corpora.batches import Batch
from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window, make_windows
from avss_core.models.load import LoadedModel
from avss_core.pruning.healing import LinearHealing, LinearMap, LinearSettings, TrainingSettings, apart_of
from avss_core.pruning.healing.evaluate import score_network
from avss_core.pruning.healing.fit_linear import heal_linear
from avss_core.pruning.healing.healed import healed_network
from avss_core.pruning.healing.split import some_windows
from avss_core.pruning.healing.train import Training
from avss_core.variants.variant import Variant
from benchmarks.measuring import batches_of, default_model, print_table

# Chosen by greedy search (lowest loss on 768 tokens of WikiText-2's calibration part), in this order.
GREEDY = "26,12,13,14,25,7,5"

BASE = TrainingSettings()
DISTIL = {"logits": 1.0, "states": 1.0}
TRAININGS: dict[str, tuple[bool, TrainingSettings]] = {
    "LoRA, next token": (False, BASE),
    "LoRA, next token + original": (False, replace(BASE, **DISTIL)),
    "LoRA, next token + control": (False, replace(BASE, **DISTIL, teacher="control")),
    "maps, then LoRA, next token": (True, BASE),
    "maps, then LoRA, next token + original": (True, replace(BASE, **DISTIL)),
    "maps, then LoRA, next token + control": (True, replace(BASE, **DISTIL, teacher="control")),
}
Row = tuple[object, ...]


def main() -> None:
    """Print the table, a row as soon as it is there."""
    wanted = _arguments()
    model = default_model(wanted.dtype)
    corpus = CorpusSpec(str(wanted.path), length=wanted.length)
    calibration = _windows(model, corpus)
    evaluation = batches_of(model, some_windows(_windows(model, corpus.of_part("evaluate")), wanted.evaluate))
    variant = Variant.without(model.n_blocks, [int(block) for block in wanted.remove.split(",")])

    whole = score_network(model, healed_network(model, Variant.full(model.n_blocks)), evaluation)
    rows = [_row("removed only", whole, score_network(model, healed_network(model, variant), evaluation), 0, 0.0)]
    found, healings = _heal_linearly(model, variant, calibration, wanted.calibrate)
    for name, healing in healings.items():
        network = healed_network(model, variant, healing.maps)
        tokens = healing.fitted_tokens + healing.held_out_tokens
        rows.append(_row(name, whole, score_network(model, network, evaluation), tokens, healing.seconds))
    for name, (with_maps, settings) in TRAININGS.items():
        if wanted.steps and re.search(wanted.only, name):
            settings = replace(settings, steps=wanted.steps, sequences=wanted.sequences, rank=wanted.rank)
            settings = replace(settings, learning_rate=wanted.learning_rate)
            rows.append(_train(name, model, variant, calibration, settings, found if with_maps else (), evaluation))
    print_table(
        f"{len(variant.removed)} of {model.n_blocks} blocks removed ({wanted.remove}), {wanted.dtype}, "
        f"{corpus.path.name}, {int(whole['tokens'].sum())} predicted tokens",
        ("", "tokens seen", "seconds", "perplexity", "whole model, same training", "× apart", "95 %"),
        rows,
    )


def _heal_linearly(
    model: LoadedModel, variant: Variant, windows: Sequence[Window], tokens: int
) -> tuple[tuple[LinearMap, ...], dict[str, LinearHealing]]:
    healings = {
        "maps, folded": heal_linear(model, variant, windows, LinearSettings(tokens=tokens)),
        "maps on the whole state": heal_linear(model, variant, windows, LinearSettings(tokens=tokens, fold=False)),
    }
    for name, healing in healings.items():
        chosen = [f"{each.stretch.name}: {each.shrinkage:g}" for each in healing.maps]
        print(f"{name}: shrinkages {', '.join(chosen)}; parameters added {healing.parameters_added:,}", flush=True)
    return healings["maps, folded"].maps, healings


def _train(
    name: str,
    model: LoadedModel,
    variant: Variant,
    windows: Sequence[Window],
    settings: TrainingSettings,
    maps: tuple[LinearMap, ...],
    evaluation: Sequence[Batch],
) -> Row:
    started = time.perf_counter()
    training = Training(model, variant, windows, settings, maps)
    for step in training.steps():
        if step.number % max(1, settings.steps // 5) == 0:
            control = float("nan") if step.control is None else step.control.next_token
            losses = f"{step.pruned.next_token:.3f} (whole model {control:.3f})"
            print(f"{name}: step {step.number}, next-token loss {losses}, {step.seconds:.0f} s", flush=True)
    trained = training.result()
    seconds = time.perf_counter() - started
    control = score_network(model, trained.control or model.network, evaluation)
    healed = score_network(model, trained.network, evaluation)
    return _row(name, control, healed, trained.steps[-1].tokens, seconds)


def _row(name: str, control: pd.DataFrame, healed: pd.DataFrame, tokens: int, seconds: float) -> Row:
    apart = apart_of(control, healed)
    values = f"{apart.healed.value:.2f}", f"{apart.control.value:.2f}", f"{apart.ratio:.2f}"
    row = (name, f"{tokens:,}", f"{seconds:.0f}", *values, f"{apart.low:.2f} to {apart.high:.2f}")
    print(" | ".join(row), flush=True)
    return row


def _windows(model: LoadedModel, corpus: CorpusSpec) -> list[Window]:
    return make_windows(read_corpus(corpus), model.tokenizer)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="JSON lines with a field `text`")
    parser.add_argument("--remove", default=GREEDY)
    parser.add_argument("--calibrate", type=int, default=8192, help="tokens for the maps")
    parser.add_argument("--evaluate", type=int, default=8192, help="tokens to evaluate on")
    parser.add_argument("--steps", type=int, default=100, help="of each training; 0: none")
    parser.add_argument("--sequences", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--only", default="", help="only trainings with this pattern in their name")
    return parser.parse_args()


if __name__ == "__main__":
    main()
