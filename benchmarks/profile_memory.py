"""Peak memory of a profile of 40,000 tokens against that of 4,000, in processes of their own. Goal: at most 1.05 ×."""

from __future__ import annotations

import json
import sys

from avss_core.activations.measure import measure
from benchmarks.measuring import (
    default_model,
    forget_peak,
    in_a_process_of_its_own,
    peak_megabytes,
    print_table,
    windows_of,
)


def child(tokens: int) -> None:
    """Profile so many tokens and print the peak memory."""
    model = default_model()
    windows = windows_of(model, tokens)
    forget_peak()  # loading takes more for a moment, which would hide the rest
    loaded = peak_megabytes()
    measure(model, windows)
    print(json.dumps({"loaded": loaded, "peak": peak_megabytes()}))


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 1:
        child(int(sys.argv[1]))
        return
    found = {tokens: in_a_process_of_its_own("benchmarks.profile_memory", str(tokens)) for tokens in (4000, 40000)}
    print_table(
        "Peak memory of the process that profiles, default model, bfloat16, two sites",
        ("tokens", "after loading (MB)", "peak (MB)", "× that of 4,000"),
        [(tokens, f["loaded"], f["peak"], f["peak"] / found[4000]["peak"]) for tokens, f in found.items()],
    )


if __name__ == "__main__":
    main()
