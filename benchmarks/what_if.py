"""A what-if evaluation of one cut against the pruned network's bare forward pass with head. Goal: at most 1.15 ×."""

from __future__ import annotations

import argparse

import torch

from avss_core.tasks.perplexity import score
from avss_core.variants.physical import pruned_network
from avss_core.variants.variant import Variant
from benchmarks.measuring import batches_of, default_model, print_table, timed_in_turns, windows_of


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()

    model = default_model()
    windows = windows_of(model, wanted.tokens, "evaluate")
    rows = []
    for removed in ((), (3, 4, 5), (10, 11, 12, 13, 14, 15, 16)):
        variant = Variant.without(model.n_blocks, removed)
        pruned = pruned_network(model, variant.kept)

        def bare(pruned: torch.nn.Module = pruned) -> None:
            with torch.inference_mode():
                for batch in batches_of(model, windows):
                    pruned(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)

        def what_if(variant: Variant = variant) -> None:
            score(model, batches_of(model, windows), [variant])

        seconds = timed_in_turns({"bare": bare, "what-if": what_if}, wanted.rounds)
        rows.append((len(removed), seconds["bare"], seconds["what-if"], seconds["what-if"] / seconds["bare"]))
    print_table(
        f"Perplexity of one cut, {wanted.tokens} tokens, default model, bfloat16, median of {wanted.rounds}",
        ("blocks removed", "bare forward with head (s)", "what-if (s)", "ratio"),
        rows,
    )


if __name__ == "__main__":
    main()
