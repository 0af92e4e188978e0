"""What the benchmarks share: the model, texts of any length, timings taken in turns, peak memory, a table."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import torch

from avss_core.corpora.batches import Batch, make_batches
from avss_core.corpora.read import read_corpus
from avss_core.corpora.spec import CorpusSpec
from avss_core.corpora.windows import Window, make_windows
from avss_core.models.load import LoadedModel, load_model
from avss_core.models.spec import ModelSpec


def default_model(dtype: str = "bfloat16") -> LoadedModel:
    """The default model, from the cache."""
    return load_model(ModelSpec(dtype=dtype))


def windows_of(model: LoadedModel, tokens: int, part: str = "all") -> list[Window]:
    """So many tokens of `sample:essays`; its documents come again as often as needed, each time as one of its own."""
    once = make_windows(read_corpus(CorpusSpec(part=part)), model.tokenizer)
    chosen: list[Window] = []
    left = tokens
    for index, window in enumerate(cycle(once)):
        if left <= 0:
            return chosen
        chosen.append(Window(index, window.start, window.ids[:left]))
        left -= len(window)
    return chosen


def batches_of(model: LoadedModel, windows: Sequence[Window]) -> list[Batch]:
    """The batches that the engine itself would make."""
    return make_batches(windows, model.tokenizer.pad_token_id)


def timed_in_turns(tasks: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Median seconds of each task. One round runs all of them, so that what the machine does meets all alike."""
    for task in tasks.values():
        task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def forget_peak() -> None:
    """Let the peak of `peak_megabytes` begin at what is held now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes() -> float:
    """The most main memory this process has held since `forget_peak` (Linux: VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def in_a_process_of_its_own(module: str, *arguments: str) -> dict[str, float]:
    """Run `python -m module arguments` and read the JSON object on its last line."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table, with what it was measured on."""
    print(f"\n{title} ({torch.get_num_threads()} threads, torch {torch.__version__})\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row) + " |")
