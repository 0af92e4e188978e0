"""How much of the explained logits LRP brings to the input of the default model, and what takes the rest.

Goal: the conservative variants keep all but 1e-3 of it; AttnLRP's softmax leaks by construction.
"""

from __future__ import annotations

import argparse
import time

from avss_core.importance.lrp.methods import ALPHA_BETA, ATTNLRP, LRP, VARIANTS
from avss_core.importance.lrp.scores import lrp_scores
from benchmarks.measuring import batches_of, default_model, print_table, windows_of


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--dtype", default="float32")
    wanted = parser.parse_args()

    model = default_model(wanted.dtype)
    batches = batches_of(model, windows_of(model, wanted.tokens))
    rows = []
    for method in (LRP, ATTNLRP, ALPHA_BETA):
        rules = VARIANTS[method.name]
        started = time.perf_counter()
        result = lrp_scores(model, batches, rules.rule, rules.attention, rules.epsilon, rules.alpha, rules.explained)
        seconds = time.perf_counter() - started
        output, arrives = (float(result.documents[column].sum()) for column in ("output", "input"))
        lost = {cause: amount / output for cause, amount in result.lost_by_cause().items()}
        causes = ", ".join(f"{cause} {share:.1%}" for cause, share in lost.items() if abs(share) >= 1e-3)
        error = f"{result.conservation_error:.1e}"
        rows.append((method.pretty_name, output, arrives, error, causes or "–", seconds))
    print_table(
        f"{wanted.tokens} tokens of sample:essays, default model, {wanted.dtype}",
        ("variant", "explained logits", "ΣR at the input", "conservation error", "lost to", "seconds"),
        rows,
    )


if __name__ == "__main__":
    main()
