"""`avss prune`: one cut, evaluated."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import typer

from avss_core.commands import options as o
from avss_core.commands.session import Workers, answer, run_to_end
from avss_core.corpora.spec import CorpusSpec
from avss_core.errors import SettingError
from avss_core.importance import Epsilon, score_table
from avss_core.activations import merge_profiles
from avss_core.jobs import EvaluateRequest, ProfileRequest
from avss_core.jobs.results import finished_profile, outcome_in, still_to_do
from avss_core.models.spec import ModelSpec
from avss_core.pruning import Cut, below_threshold, lowest_fraction
from avss_core.runs import Store
from avss_core.tasks import TASKS

METHODS = ("avss",)


def prune(
    method: Annotated[str | None, typer.Option(help="Score to remove the lowest blocks by: avss.")] = None,
    fraction: Annotated[float | None, typer.Option(help="Share of the blocks to remove, with --method.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Remove every block with a share below this, with --method.")] = None,
    remove: Annotated[str | None, typer.Option(help="Blocks to remove, 0-based, such as 3,4,5.")] = None,
    task: Annotated[str, typer.Option(help="What is evaluated: perplexity.")] = "perplexity",
    protect_first: Annotated[int, typer.Option(help="So many first blocks are never removed.")] = 0,
    protect_last: Annotated[int, typer.Option(help="So many last blocks are never removed.")] = 0,
    site: o.Site = "residual",
    epsilon: o.EpsilonText = "0.01",
    skip_first_token: o.SkipFirstToken = False,
    model: o.Model = "default",
    corpus: o.CorpusName = "sample:essays",
    revision: o.Revision = None,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    column: o.Column = "text",
    length: o.Length = 512,
    max_tokens: o.MaxTokens = None,
    all_documents: o.AllDocuments = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    store: o.StoreUrl = None,
    as_json: o.Json = False,
) -> None:
    """Remove blocks, chosen by a score or named, and measure what is lost on text that was not profiled."""
    if task not in TASKS:
        raise SettingError(f"There is no task {task!r}; the tasks are {', '.join(TASKS)}.")
    named = None if remove is None else parse_blocks(remove)
    if (named is None) == (method is None) or (method is not None and (fraction is None) == (threshold is None)):
        raise SettingError("Say either --remove 3,4,5, or --method with one of --fraction and --threshold.")
    spec = o.model_spec(model, revision, dtype, device, allow_pickle, trust_remote_code)
    profiled = o.corpus_spec(corpus, column, length, max_tokens, all_documents)
    opened = Store(store)
    with Workers(opened) as workers:
        if named is not None:
            removed, reason = named, "named by hand"
        else:
            sites = ("residual", "update") if site in ("residual", "update") else (site,)
            run = run_to_end(workers, ProfileRequest(spec, profiled, sites), "profile")
            table = score_table(
                merge_profiles(finished_profile(opened, run.id)), site, Epsilon.parse(epsilon), skip_first_token
            )
            cut = _cut_by(method or "", table, fraction, threshold, protect_first, protect_last)
            removed, reason = cut.removed, cut.reason
        request = evaluate(workers, spec, profiled if all_documents else profiled.of_part("evaluate"), task, removed)
    values = outcome_in(opened, request, removed, reason).to_dict()
    answer(values, as_json, pd.DataFrame([{"": "before", **values["before"]}, {"": "after", **values["after"]}]))


def evaluate(workers: Workers, model: ModelSpec, corpus: CorpusSpec, task: str, removed: tuple[int, ...]) -> EvaluateRequest:
    """Evaluate the model with and without these blocks, unless it was done before; returns the request that names both."""
    request = EvaluateRequest(model, corpus, task, tuple(dict.fromkeys([(), removed])))
    left = still_to_do(workers.store, request)
    if left.cuts:
        run_to_end(workers, left, "evaluate")
    return request


def parse_blocks(text: str) -> tuple[int, ...]:
    """Read `3,4,5`, and `3-5` for a stretch; SettingError for anything else."""
    blocks: list[int] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise SettingError(f"Blocks to remove are numbers such as 3,4,5 or 3-5; {part!r} is none.")
        blocks += range(int(first), int(last or first) + 1)
    return tuple(sorted(set(blocks)))


def _cut_by(
    method: str,
    table: pd.DataFrame,
    fraction: float | None,
    threshold: float | None,
    protect_first: int,
    protect_last: int,
) -> Cut:
    if method not in METHODS:
        raise SettingError(f"There is no method {method!r} to prune by; the methods are {', '.join(METHODS)}.")
    if fraction is not None:
        return lowest_fraction(table["avss"].tolist(), fraction, protect_first, protect_last)
    return below_threshold(table["avss_share"].tolist(), threshold or 0.0, protect_first, protect_last)
