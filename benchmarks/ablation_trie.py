"""Many cuts as one prefix tree against one evaluation per cut with its blocks physically removed, on the same tokens.

Single-block ablation of all blocks, and a sweep over every cutoff from 0 to 50 % along the ablation's own order (with
--draws also random cuts of each size). Both ways must give the same values. Goal for ablation: at most 0.55 × the
block runs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import torch

from avss_core.corpora.batches import Batch
from avss_core.importance.avss import lowest_first
from avss_core.models.load import LoadedModel
from avss_core.pruning.search.importance_scorer import pruned_model
from avss_core.pruning.search.scoring import mean_nll
from avss_core.pruning.sweep import plan_sweep
from avss_core.tasks import perplexity
from avss_core.variants import Variant
from avss_core.variants.trie import walk
from benchmarks.measuring import batches_of, default_model, print_table, timed_in_turns, windows_of

HEADER = (
    "",
    "cuts",
    "block runs, tree",
    "alone",
    "ratio",
    "seconds without head, tree",
    "alone",
    "ratio",
    "seconds with head, tree",
    "alone",
    "ratio",
    "largest difference (nats)",
)
Pruned = Mapping[Variant, LoadedModel]


@dataclass(frozen=True, eq=False)
class Ways:
    """The same cuts evaluated as one tree, and one by one as networks of fewer blocks."""

    model: LoadedModel
    batches: Sequence[Batch]
    variants: Sequence[Variant]
    pruned: Pruned

    def tree(self) -> pd.DataFrame:
        """The engine's way, with the head."""
        return perplexity.score(self.model, self.batches, self.variants)

    def alone(self) -> pd.DataFrame:
        """The physical way, with the same head and loss, at the same positions."""
        frames = []
        for variant in self.variants:
            frame = perplexity.score(self.pruned[variant], self.batches, [Variant.full(len(variant.kept))])
            frames.append(frame.assign(kept=variant.key))
        return pd.concat(frames, ignore_index=True)

    def tree_without_head(self) -> None:
        """States after the last block only."""
        for batch in self.batches:
            for _ in walk(self.model, batch, self.variants):
                pass

    def alone_without_head(self) -> None:
        """Each network's own forward pass without its head, as transformers runs it."""
        for variant in self.variants:
            for batch in self.batches:
                with torch.inference_mode():
                    self.pruned[variant].base(
                        input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False
                    )


def compare(name: str, ways: Ways, rounds: int) -> tuple[tuple[object, ...], pd.DataFrame]:
    """A line of the table, and the values of the tree. Block runs are counted by hooks, over the whole text."""
    with counted_block_runs([ways.model]) as count:
        tree = ways.tree()
        runs = count() // len(ways.batches)
    with counted_block_runs(list(ways.pruned.values())) as count:
        alone = ways.alone()
        runs_alone = count() // len(ways.batches)
    both = tree.merge(alone, on=["kept", "document", "tokens"], validate="1:1")
    assert len(both) == len(tree) == len(alone)
    difference = float((both["nll_x"] - both["nll_y"]).abs().max())

    tasks: dict[str, Callable[[], object]] = {
        "tree": ways.tree,
        "alone": ways.alone,
        "tree without": ways.tree_without_head,
        "alone without": ways.alone_without_head,
    }
    seconds = timed_in_turns(tasks, rounds)
    row = [name, len(ways.variants), runs, runs_alone, runs / runs_alone]
    for kind in (" without", ""):
        fast, slow = seconds["tree" + kind], seconds["alone" + kind]
        row += [fast, slow, fast / slow]
    return (*row, "0 (identical)" if difference == 0 else f"{difference:.1e}"), tree


@contextmanager
def counted_block_runs(models: Sequence[LoadedModel]) -> Iterator[Callable[[], int]]:
    """Counts every call of a block of these models within it; a block that several share counts each time it runs."""
    calls: list[None] = []
    handles = [block.register_forward_hook(lambda *_: calls.append(None)) for model in models for block in model.blocks]
    try:
        yield lambda: len(calls)
    finally:
        for handle in handles:
            handle.remove()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--draws", type=int, default=0, help="also sweep this many random cuts of each size")
    wanted = parser.parse_args()

    model = default_model(wanted.dtype)
    batches = batches_of(model, windows_of(model, wanted.tokens, "evaluate"))

    def ways(variants: Sequence[Variant]) -> Ways:
        pruned: Pruned = {variant: pruned_model(model, variant.kept) for variant in variants}
        return Ways(model, batches, variants, pruned)

    started = time.perf_counter()
    singles = ways([Variant.without(model.n_blocks, [block]) for block in range(model.n_blocks)])
    building = time.perf_counter() - started
    row, losses = compare(f"ablation of all {model.n_blocks} blocks", singles, wanted.rounds)
    rows = [row]

    by_kept = {str(kept): mean_nll(frame) for kept, frame in losses.groupby("kept")}
    order = lowest_first([by_kept[variant.key] for variant in singles.variants])
    for draws in dict.fromkeys((0, wanted.draws)):
        sweep = plan_sweep({"ablation": order}, model.n_blocks, 0.5, draws=draws)
        name = "every cutoff from 0 to 50 %" + f", {draws} random cuts each" * bool(draws)
        rows.append(compare(name, ways(sweep.variants), wanted.rounds)[0])
    print_table(
        f"{wanted.tokens} tokens, default model, {wanted.dtype}, median of {wanted.rounds}; "
        f"building {model.n_blocks} pruned networks took {building:.1f} s more",
        HEADER,
        rows,
    )


if __name__ == "__main__":
    main()
