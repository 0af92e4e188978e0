"""Tasks of the lm-evaluation-harness on a pruned model. The package is optional (the extra `harness`).

https://github.com/EleutherAI/lm-evaluation-harness (tried: 0.4.13 with transformers 5.23).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import pandas as pd

from avss_core.errors import AvssError, ModelError, SettingError
from avss_core.models.load import LoadedModel
from avss_core.variants.physical import pruned_network

COLUMNS = ("task", "metric", "value", "stderr", "n", "higher_is_better")


def run_harness(
    model: LoadedModel,
    kept: Iterable[int],
    tasks: Sequence[str | Mapping[str, Any]],
    limit: int | None = None,
    shots: int | None = None,
    batch_size: int = 8,
) -> pd.DataFrame:
    """Run tasks of the harness, by name or as its task configurations, on the network of the blocks `kept`.

    Columns task, metric (`acc,none`: metric and filter, as the harness names them), value, stderr (its standard error,
    nan where it gives none), n (examples), higher_is_better (None where the harness does not say).
    limit: examples of each task; shots: solved examples before each. The harness reads its own data and splits, which
    may be on the hub. Raises SettingError when the package is not installed or a task cannot be run, ModelError for a
    model that does not predict the next token.
    """
    harness, huggingface = import_harness()
    if not model.predicts_next_token:
        raise ModelError(
            f"{type(model.network).__name__} does not predict the next token, so the lm-evaluation-harness cannot run "
            "it here; use a causal language model."
        )
    network = pruned_network(model, kept)
    try:
        answer = harness.simple_evaluate(
            model=huggingface.HFLM(
                pretrained=network, tokenizer=model.tokenizer, batch_size=batch_size, device=str(model.device)
            ),
            tasks=[task if isinstance(task, str) else dict(task) for task in tasks],
            limit=limit,
            num_fewshot=shots,
            log_samples=False,
            bootstrap_iters=1000,
        )
    except AvssError:
        raise
    except Exception as error:  # a harness of hundreds of tasks, each with its own data and code
        names = ", ".join(task if isinstance(task, str) else str(task.get("task")) for task in tasks)
        said = " ".join(str(error).split()) or type(error).__name__
        raise SettingError(
            f"The lm-evaluation-harness could not run {names} ({said[:200].rstrip('.')}); "
            "check the names with `lm-eval ls tasks`, and that their data can be reached."
        ) from error
    return pd.DataFrame(list(_rows(answer)), columns=list(COLUMNS))


def import_harness() -> tuple[ModuleType, ModuleType]:
    """`lm_eval` and `lm_eval.models.huggingface`. Raises SettingError, which says how to get them, without them."""
    try:
        return importlib.import_module("lm_eval"), importlib.import_module("lm_eval.models.huggingface")
    except ImportError as error:
        raise SettingError(
            f"The lm-evaluation-harness is not installed ({error}); install it with `pip install lm-eval`."
        ) from error


def _rows(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for task, values in answer["results"].items():
        for key, value in values.items():
            metric, comma, kind = key.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            stderr = values.get(f"{metric}_stderr,{kind}")
            yield {
                "task": task,
                "metric": key,
                "value": float(value),
                "stderr": float(stderr) if isinstance(stderr, int | float) else float("nan"),
                "n": answer.get("n-samples", {}).get(task, {}).get("effective"),
                "higher_is_better": answer.get("higher_is_better", {}).get(task, {}).get(metric),
            }
