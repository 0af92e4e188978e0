"""Does AVSS rank blocks as their removal does? The README's first table.

Blocks are scored on the profiled part of `sample:essays`. Scores are compared with ablation on the first tokens of the
same part; what is left after removing blocks is judged on the held-out part.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import kendalltau, spearmanr

from avss_core.activations.measure import measure
from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import make_windows
from avss_core.importance.avss import lowest_first, score_table
from avss_core.tasks.perplexity import score
from avss_core.tasks.perplexity_table import retained_interval, summarise
from avss_core.variants.variant import Variant
from benchmarks.measuring import batches_of, default_model, print_table


def main() -> None:
    """Print two tables: agreement with ablation, and perplexity after the lowest blocks are gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=4000)
    parser.add_argument("--remove", type=int, default=7)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--dtype", default="bfloat16")
    wanted = parser.parse_args()
    model = default_model(wanted.dtype)
    n_blocks = model.n_blocks

    def windows_of_part(part: str, tokens: int | None) -> list:
        return make_windows(read_corpus(CorpusSpec(part=part, max_tokens=tokens)), model.tokenizer)

    profiled, held_out = windows_of_part("profile", None), windows_of_part("evaluate", wanted.tokens)
    profile = measure(model, profiled)
    scores = {
        f"AVSS, site {site}{', without first tokens' if skip else ''}": score_table(profile, site, None, skip)["avss"]
        for site in ("residual", "update")
        for skip in (False, True)
    }

    singles = [Variant.without(n_blocks, (block,)) for block in range(n_blocks)]
    calibration = batches_of(model, windows_of_part("profile", wanted.tokens))
    frame = score(model, calibration, [Variant.full(n_blocks), *singles]).groupby("kept").sum()
    loss = frame["nll"] / frame["tokens"]
    ablation = [loss[single.key] - loss[Variant.full(n_blocks).key] for single in singles]

    agreement = [
        (name, float(spearmanr(values, ablation).statistic), float(kendalltau(values, ablation).statistic))
        for name, values in scores.items()
    ]
    print_table("Agreement with single-block ablation over 30 blocks", ("score", "Spearman ρ", "Kendall τ"), agreement)

    orders = scores | {"single-block ablation": ablation}
    cuts = {name: tuple(lowest_first(values)[: wanted.remove]) for name, values in orders.items()}
    generator = np.random.default_rng(0)
    random = [tuple(generator.choice(n_blocks, wanted.remove, replace=False)) for _ in range(wanted.draws)]
    variants = {cut: Variant.without(n_blocks, cut) for cut in [(), *cuts.values(), *random]}
    judged = score(model, batches_of(model, held_out), list(variants.values()))

    def rows_of(cut: tuple[int, ...]):
        return judged[judged["kept"] == variants[cut].key].reset_index(drop=True)

    table = []
    for name, cut in {"none": (), **cuts}.items():
        found = summarise(rows_of(cut))
        low, high = retained_interval(rows_of(()), rows_of(cut))
        interval = f"{found.low:.4g} – {found.high:.4g}"
        blocks = " ".join(str(block) for block in sorted(cut))
        table.append((name, blocks, f"{found.value:.4g}", interval, f"{low:.2%} – {high:.2%}"))
    drawn = [summarise(rows_of(cut)).value for cut in random]
    ends = f"{min(drawn):.4g} – {max(drawn):.4g} (lowest – highest)"
    table.append((f"random, median of {wanted.draws}", "", f"{np.median(drawn):.4g}", ends, ""))
    print_table(
        f"Perplexity on {wanted.tokens} held-out tokens after removing {wanted.remove} of {n_blocks} blocks",
        ("lowest by", "blocks", "perplexity", "95 %", "retained, 95 %"),
        table,
    )


if __name__ == "__main__":
    main()
