"""LRP in the list of methods: what its variants say of themselves, and how their sums are read. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from avss_core.importance.lrp.causes import CAUSES
from avss_core.importance.lrp.settings import LrpSettings
from avss_core.importance.method import Array, Asks, Cost, Method, Needs, Reading
from avss_core.importance.sums import Sums

# Statistics that a variant leaves behind, after its name and a colon; those of no block stand in block 0's column.
UPDATE = "update"  # Σ|R(u)|, u = h[ℓ+1] − h[ℓ]; weight: tokens
INTO = "into"  # ΣR at h[ℓ]
OUT_OF = "out of"  # ΣR at h[ℓ+1]
OUTPUT = "output"  # f; weight |f|
ERROR = "error"  # |ΣR at h[0] − f|; weight |f|
LOST = "lost"  # followed by a cause: lost in block ℓ
LOST_IN_HEAD = "lost in head"  # followed by a cause: lost between the output and h[M]

PATENTS = (
    "The authors of AttnLRP write beside their public code that LRP is patented and free of charge for "
    "personal and scientific purposes only, and the code's licence grants no patent rights; ask them (Fraunhofer HHI) "
    "before any other use."
)


def score(sums: Sums, reading: Reading, variant: str) -> Array:
    """Σ|R(u)| over tokens and features, per token."""
    return sums.mean(statistic(variant, UPDATE))


def account(sums: Sums, reading: Reading, variant: str) -> Mapping[str, Any]:
    """How much relevance arrives at the input, what each boundary between blocks has, and what took the rest.

    output: Σf over the documents, which may cancel; size: Σ|f|, of which shares are to be taken.
    """
    into, out_of = sums.value(statistic(variant, INTO)), sums.value(statistic(variant, OUT_OF))
    output, size = sums.value(statistic(variant, OUTPUT))[0], sums.weight(statistic(variant, ERROR))[0]
    error = sums.value(statistic(variant, ERROR))[0]
    lost = {
        cause: float(sums.value(statistic(variant, LOST, cause)).sum())
        + float(sums.value(statistic(variant, LOST_IN_HEAD, cause)).sum())
        for cause in CAUSES
    }
    return {
        "rules": VARIANTS[variant].to_dict(),
        "conservation_error": float(error / size) if size else None,
        "output": float(output),
        "size": float(size),
        "input": float(into[0]),
        "boundaries": [*map(float, into), float(out_of[-1]), float(output)],
        "lost": lost,
    }


def statistic(variant: str, *parts: str) -> str:
    """The name of one of a variant's statistics in a table of sums."""
    return ":".join((variant, *parts))


def _reading(linear_layers: str) -> str:
    return (
        f"{linear_layers} The score is Σ|R| of what the block writes, as ΣR is the same at every depth. Explained is "
        "the logit of each true next token, summed over a document (a masked model: of each token at its own place; a "
        "classifier: of its strongest class). Norms with their scale held fixed, gated products split evenly; the "
        "input is what block 0 is given."
    )


_BLIND = (
    "What other blocks could take over, since nothing is removed. Parts that cancel count in full, so a block whose "
    "work is undone later looks important."
)
_BACH = "Bach et al., On Pixel-Wise Explanations by Layer-Wise Relevance Propagation (2015)"
_BACH_URL = "https://doi.org/10.1371/journal.pone.0130140"

LRP = Method(
    name="lrp",
    pretty_name="LRP",
    paper=_BACH,
    url=_BACH_URL,
    needs=Needs.RELEVANCE,
    cost=Cost.BACKWARD,
    sees="How much of the explained logits came through what the block wrote, for better or worse.",
    blind_to=f"Where attention looks, since its weights are held fixed. {_BLIND}",
    score=partial(score, variant="lrp"),
    details=partial(account, variant="lrp"),
    asks=Asks.LOSS,
    our_reading=_reading("ε-rule (49), ε = 1e-6."),
    licence_note=PATENTS,
    unit="logits per token",
)

ALPHA_BETA = replace(
    LRP,
    name="lrp_alpha_beta",
    pretty_name="LRP (αβ)",
    needs=Needs.POSITIVE_RELEVANCE,
    score=partial(score, variant="lrp_alpha_beta"),
    details=partial(account, variant="lrp_alpha_beta"),
    our_reading=_reading("αβ-rule (50), α = 1, β = 0: only positive contributions receive relevance."),
)

ATTNLRP = replace(
    LRP,
    name="attnlrp",
    pretty_name="AttnLRP",
    paper="Achtibat et al., AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers (2024)",
    url="https://arxiv.org/abs/2402.05602",
    needs=Needs.ATTENTION_RELEVANCE,
    sees=f"{LRP.sees[:-1]}, and through the choice of where attention looks.",
    blind_to=(
        f"{_BLIND} Relevance leaks away in every softmax (about two thirds of it in SmolLM2-135M), so early blocks "
        "are shown smaller than late ones."
    ),
    score=partial(score, variant="attnlrp"),
    details=partial(account, variant="attnlrp"),
    our_reading=_reading("ε-rule (49), ε = 1e-6; softmax by its Taylor rule."),
)

VARIANTS = {
    LRP.name: LrpSettings(),
    ALPHA_BETA.name: LrpSettings(rule="alpha-beta"),
    ATTNLRP.name: LrpSettings(attention="attnlrp"),
}
