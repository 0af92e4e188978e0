"""Single-block ablation of all blocks as one prefix tree against one evaluation for each block physically removed.

Both ways must give the same values on the same tokens. Goal: at most 0.55 × the block runs. `sweep_cost` is the same
for sweeps.
"""

from __future__ import annotations

import argparse
import time

from avss_core.variants import Variant
from benchmarks.measuring import batches_of, default_model, print_table, windows_of
from benchmarks.tree_or_alone import HEADER, Ways, compare


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="bfloat16")
    wanted = parser.parse_args()

    model = default_model(wanted.dtype)
    batches = batches_of(model, windows_of(model, wanted.tokens, "evaluate"))
    started = time.perf_counter()
    ways = Ways.of(model, batches, [Variant.without(model.n_blocks, [block]) for block in range(model.n_blocks)])
    building = time.perf_counter() - started
    print_table(
        f"{wanted.tokens} tokens, default model, {wanted.dtype}, median of {wanted.rounds}; "
        f"building {model.n_blocks} pruned networks took {building:.1f} s more",
        HEADER,
        [compare(f"ablation of all {model.n_blocks} blocks", ways, wanted.rounds)],
    )


if __name__ == "__main__":
    main()
