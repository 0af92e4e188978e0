"""The same cuts as one prefix tree and one evaluation each with their blocks physically removed: values, runs, time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import torch

from avss_core.corpora.batches import Batch
from avss_core.models.load import LoadedModel
from avss_core.pruning.search.importance_scorer import pruned_model
from avss_core.tasks import perplexity
from avss_core.variants import Variant
from avss_core.variants.trie import walk
from benchmarks.measuring import timed_in_turns

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
    "last cut from transformers' own loss (nats a token)",
)


@dataclass(frozen=True, eq=False)
class Ways:
    """The same cuts evaluated as one tree, and one by one as networks of fewer blocks."""

    model: LoadedModel
    batches: Sequence[Batch]
    variants: Sequence[Variant]
    pruned: Mapping[Variant, LoadedModel]

    @classmethod
    def of(cls, model: LoadedModel, batches: Sequence[Batch], variants: Sequence[Variant]) -> Ways:
        """With the networks of fewer blocks built, which share the model's weights."""
        return cls(model, batches, variants, {variant: pruned_model(model, variant.kept) for variant in variants})

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

    def by_transformers(self, variant: Variant) -> float:
        """The loss of one cut per predicted token, window by window, as transformers' own model reckons it."""
        total, predicted = 0.0, 0
        for batch in self.batches:
            for ids, mask in zip(batch.input_ids, batch.attention_mask, strict=True):
                window = ids[mask.bool()][None]
                with torch.inference_mode():
                    loss = self.pruned[variant].network(input_ids=window, labels=window, use_cache=False).loss
                total += float(loss) * (window.shape[1] - 1)
                predicted += window.shape[1] - 1
        return total / predicted

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


def compare(name: str, ways: Ways, rounds: int) -> tuple[object, ...]:
    """A line of the table `HEADER`. Block runs are counted by hooks, over the whole text."""
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
    last = ways.variants[-1]
    ours = tree[tree["kept"] == last.key]
    own = ours["nll"].sum() / ours["tokens"].sum() - ways.by_transformers(last)
    return (*row, "0 (identical)" if difference == 0 else f"{difference:.1e}", f"{own:.1e}")


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
