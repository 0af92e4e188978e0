"""Perplexity as a task, and its numbers without torch: pages and shell compute them too."""

from __future__ import annotations

from avss_core.tasks.metric import Metric
from avss_core.tasks.task import TextTask

TASK = TextTask(
    name="perplexity",
    pretty_name="Perplexity",
    what="How surprised the model is by each next token of a text, on average; 1 is never.",
    how="exp(total negative log-likelihood / predicted tokens); the first token of a window is not predicted.",
    needs=("text",),
    metrics=(
        Metric(
            name="perplexity",
            pretty_name="Perplexity",
            higher_is_better=False,
            total="nll",
            count="tokens",
            exponential=True,
            nothing="The text has no token to predict: each of its windows is one token; give a longer text.",
        ),
    ),
    default_source="sample:essays",
)

summarise = TASK.summarise
retained_interval = TASK.retained_interval
