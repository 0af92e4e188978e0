"""One pass with hooks against keeping all hidden states: the same statistics with NumPy, and Block Influence.

Wall time in turns in one run; peak memory above what is held after loading, each way in a process of its own. The ways
that keep all hidden states are written as short scripts of this field write them: the states of every batch are asked
of the model (`output_hidden_states`), and for the statistics collected for all tokens. Hugging Face gives the last
state after the final norm, so that the last block's values of such a script are of something else; ours are right.
An argument is the dtype, bfloat16 unless it is given.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from avss_core.activations.measure import measure
from avss_core.corpora.batches import Batch
from avss_core.importance.rank import rank
from avss_core.importance.settings import RankSettings
from avss_core.models.load import LoadedModel
from benchmarks.measuring import (
    batches_of,
    default_model,
    forget_peak,
    in_a_process_of_its_own,
    peak_megabytes,
    print_table,
    timed_in_turns,
    windows_of,
)

TOKENS = 4096
EPSILON = 0.01
Values = NDArray[np.float32]


def _asked(batch: Batch) -> dict[str, Any]:
    """Without the cache of keys and values, which no statistic needs."""
    batch_of = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    return batch_of | {"output_hidden_states": True, "use_cache": False}


def statistics_with_numpy(model: LoadedModel) -> list[dict[str, float]]:
    """Variance, sparsity and norms of every block's residual stream and update, all states collected first."""
    collected: list[list[Values]] = [[] for _ in range(model.n_blocks + 1)]
    for batch in batches_of(model, windows_of(model, TOKENS)):
        with torch.no_grad():
            answer = model.base(**_asked(batch))
        real = batch.attention_mask.bool()
        for kept, states in zip(collected, answer.hidden_states, strict=True):
            kept.append(states[real].float().numpy())
    layers = [np.concatenate(kept) for kept in collected]
    found = []
    for before, after in pairwise(layers):
        for values in (after, after - before):
            size = np.abs(values)
            found.append(
                {
                    "variance": float(values.var(dtype=np.float64)),
                    "sparsity": float((size < EPSILON).mean()),
                    "l1": float(size.sum(1).mean()),
                    "l2": float(np.sqrt((values**2).sum(1)).mean()),
                    "frobenius": float(np.sqrt((values**2).sum())),
                }
            )
    return found


def statistics_in_one_pass(model: LoadedModel) -> object:
    """The same two sites with this engine, which also counts the histogram of magnitudes."""
    return measure(model, windows_of(model, TOKENS), ("residual", "update"))


def influence_with_all_states(model: LoadedModel) -> list[float]:
    """Block Influence from the whole model's answer, head included, with all hidden states of each batch."""
    sums, tokens = [0.0] * model.n_blocks, 0
    for batch in batches_of(model, windows_of(model, TOKENS)):
        with torch.no_grad():
            answer = model.network(**_asked(batch))
        real = batch.attention_mask.bool()
        states = answer.hidden_states
        for index, (before, after) in enumerate(pairwise(states)):
            cosine = torch.nn.functional.cosine_similarity(before[real].float(), after[real].float(), dim=-1)
            sums[index] += float((1 - cosine).sum())
        tokens += int(real.sum())
    return [total / tokens for total in sums]


def influence_in_one_pass(model: LoadedModel) -> object:
    """Block Influence with this engine."""
    return rank(model, windows_of(model, TOKENS), RankSettings(("block_influence",)))


WAYS: dict[str, Callable[[LoadedModel], object]] = {
    "statistics, all states kept, NumPy": statistics_with_numpy,
    "statistics, one pass": statistics_in_one_pass,
    "Block Influence, all states kept": influence_with_all_states,
    "Block Influence, one pass": influence_in_one_pass,
}


def child(way: str, dtype: str) -> None:
    """Run one way and print its peak memory."""
    model = default_model(dtype)
    forget_peak()
    loaded = peak_megabytes()
    WAYS[way](model)
    print(json.dumps({"extra": peak_megabytes() - loaded}))


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 2:
        child(*sys.argv[1:])
        return
    dtype = sys.argv[1] if len(sys.argv) > 1 else "bfloat16"
    extra = {way: in_a_process_of_its_own("benchmarks.against_hidden_states", way, dtype)["extra"] for way in WAYS}
    model = default_model(dtype)
    seconds = timed_in_turns({way: partial(run, model) for way, run in WAYS.items()})
    print_table(
        f"{TOKENS} tokens, default model, {dtype}, median of 5 rounds",
        ("", "seconds", "peak above loading (MB)"),
        [(way, seconds[way], round(extra[way])) for way in WAYS],
    )


if __name__ == "__main__":
    main()
